// Calling for help, and following what one has reported.

import { OVER, STEPS, statusLabel, typeLabel } from "../../lib/emergencies.js";
import { words } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";
import { ago, clock, lasting, moment, time } from "../../lib/time.js";
import { Icon, announce, html, useEffect, useRef, useState } from "../../lib/ui.js";
import { Refusal } from "../../parts/form.js";
import { Card, Empty, Panel } from "../../parts/panel.js";
import { SosForm } from "../../parts/sos-form.js";
import { lead } from "../../parts/toasts.js";
import { store, useNow } from "../../state/live.js";
import { settle } from "../../state/once.js";
import { api } from "../../state/session.js";

const FOLLOWED = 10;
const LOOK_MS = 5000;
// The steps as somebody who waits for help reads them, short enough for a phone.
const SHORT = ["Sent", "Seen", "In hand", "Closed"];

function help(report, now) {
  const at = time(report.reported_at) ?? now;
  const coming = (report.resources ?? []).filter((one) => !one.released_at).map((one) => words(one.type));
  if (report.status === "cancelled") return t("Cancelled by you.");
  if (report.status === "false_alarm") return t("Closed by the control room as a false alarm. If you need help, send another.");
  if (report.status === "resolved") return t("Closed after {time}.", { time: lasting((time(report.resolved_at) ?? now) - at) });
  if (coming.length) return t("On the way: {who}.", { who: coming.join(", ") });
  return report.status === "reported" ? t("The control room has it. Stay where you are if that is safe.") : t("The control room has seen it.");
}

function Report({ report, onChanged }) {
  const now = useNow();
  const [sure, setSure] = useState(false);
  const [error, setError] = useState(null);
  // What was tried in vain is of how it stood then.
  useEffect(() => setError(null), [report.status]);
  const reached = STEPS.findIndex(([key]) => key === report.status);
  // Asked twice: a thumb that slips calls nobody back.
  const cancel = async () => {
    if (!sure) {
      setSure(true);
      return;
    }
    const path = `/api/emergency/${encodeURIComponent(report.id)}`;
    setError(null);
    try {
      await settle(() => api.patch(`${path}/cancel`, {}), path, (one) => one.status === "cancelled");
    } catch (refusal) {
      setError(refusal);
    }
    onChanged();
  };
  const at = time(report.reported_at) ?? now;
  return html`<li class="report" data-status=${report.status} data-id=${report.id}>
    <div class="report-head"><strong>${t(typeLabel(report.type))}</strong><span class="report-place">${store.state.sites.find((one) => one.slug === report.temple_id)?.name ?? report.temple_id ?? t("Place not known")}</span>
      <time class="report-age" datetime=${report.reported_at} title=${moment(at)}>${ago(now - at)}</time></div>
    <p class="report-text">${report.description ?? ""}</p>
    <ol class="steps">${STEPS.map(([key], index) => {
      const when = time(report[`${key}_at`]);
      const done = index <= reached || (reached < 0 && Boolean(report[`${key}_at`]));
      return html`<li class="step" key=${key} data-done=${done ? "" : undefined} aria-current=${index === reached ? "step" : undefined}><span class="step-mark"><${Icon} name="check" /></span><span>${t(SHORT[index])}</span><span class="step-at">${when ? clock(when) : ""}</span></li>`;
    })}</ol>
    <p class="report-help">${help(report, now)}</p>
    <${Refusal} error=${error} />
    ${["reported", "acknowledged"].includes(report.status) && html`<button type="button" class="button report-cancel" onClick=${cancel}>${sure ? t("Yes, cancel my report") : t("I no longer need help…")}</button>`}
  </li>`;
}

/** The page. */
export default function SosPage() {
  // Who was sent is nothing that the feed tells the public: while something is open it is asked for.
  const resource = useResource(async () => (await api.get(`/api/emergency/?limit=${FOLLOWED}`)).items, [], { on: ["emergency"], every: LOOK_MS });
  const before = useRef(new Map());
  useEffect(() => {
    for (const report of resource.data ?? []) {
      const known = before.current.get(report.id);
      if (known && known !== report.status) announce(t("Your report is now {status}.", { status: t(statusLabel(report.status)).toLowerCase() }));
      before.current.set(report.id, report.status);
    }
  }, [resource.data]);
  const sent = (report) => {
    // The feed may have been faster than the answer.
    resource.set((items) => [report, ...(items ?? []).filter((one) => one.id !== report.id)]);
    lead("reports-title");
  };
  const reports = resource.data ?? [];
  const open = reports.some((report) => !OVER.includes(report.status));
  return html`<div class="page sos-page"><h1 class="visually-hidden">${t("Emergency")}</h1>
    ${open && html`<p class="hint" role="status">${t("Your report is open. Its state is below.")}</p>`}
    <${Card} class="sos-panel" id="sos" title=${t("Emergency: call for help")} actions=${html`<a class="button button-danger" href="tel:112"><${Icon} name="phone" />112</a>`}><${SosForm} onSent=${sent} /></${Card}>
    <${Panel} class="reports-panel" id="reports" title=${t("My reports")} resource=${resource}>${() => (reports.length === 0 ? html`<${Empty}>${t("Nothing reported by you.")}</${Empty}>`
      : html`<ol class="reports">${reports.map((report) => html`<${Report} key=${report.id} report=${report} onChanged=${resource.reload} />`)}</ol>`)}</${Panel}>
  </div>`;
}
