// Reserving a spot: a period, the plan with what is free then, the plate, the price and what a refund would be.

import { KINDS } from "../lib/format.js";
import { plural, t } from "../lib/i18n.js";
import { money, nextPeriod, periodProblem } from "../lib/reservations.js";
import { useResource } from "../lib/resource.js";
import { fromField, toField } from "../lib/time.js";
import { announce, html, useEffect, useRef, useState } from "../lib/ui.js";
import { serverNow, useStore } from "../state/live.js";
import { api, user } from "../state/session.js";
import { reasons } from "./form.js";
import { Fresh } from "./panel.js";
import { sitesResource } from "./site-tabs.js";
import { Plan } from "./plan.js";

const PLATE_KEY = "gatehouse.plate";

/** What comes back when a reservation is cancelled, in words: by the site's rule. */
export function refundWords(tariff) {
  const rule = tariff?.refund;
  if (!rule) return t("Cancelled in time, what was paid comes back by the rule of the site.");
  return t("All of it comes back until {n} minutes before the start, then {late} % until the start, {started} % after it.", {
    n: rule.full_until_minutes ?? 0, late: rule.late_percent ?? 0, started: rule.started_percent ?? 0,
  });
}

/** What a stay costs, in words; nothing where nobody pays. */
export function tariffWords(tariff) {
  const amount = (value) => money(value, tariff.currency);
  if (!tariff?.currency) return "";
  const daily = tariff.per_day ?? tariff.daily_cap;
  return [
    tariff.per_hour > 0 && t("{amount} an hour", { amount: amount(tariff.per_hour) }), daily > 0 && t("at most {amount} a day", { amount: amount(daily) }),
    tariff.minimum > 0 && t("at least {amount}", { amount: amount(tariff.minimum) }), tariff.free_minutes > 0 && t("the first {n} minutes are free", { n: tariff.free_minutes }),
  ].filter(Boolean).join(", ");
}

/** The form and the plan; `onReserved(reservation)`. */
export function Reserve({ onReserved }) {
  const state = useStore("spots", "sites", "zones", "site");
  const begin = useRef(nextPeriod(serverNow()));
  // Null is the period that was asked for last: it is known before the clock of the site is.
  const [from, setFrom] = useState(null);
  const [to, setTo] = useState(null);
  const [kind, setKind] = useState("");
  const [asked, setAsked] = useState({ ...begin.current, kind: "" });
  const [picked, setPicked] = useState(null);
  const [plate, setPlate] = useState(localStorage.getItem(PLATE_KEY) ?? "");
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const key = useRef(null);
  const resource = useResource(async () => {
    const query = new URLSearchParams({ from: new Date(asked.start).toISOString(), to: new Date(asked.end).toISOString(), limit: "500" });
    if (state.site) query.set("site", state.site);
    if (asked.kind) query.set("kind", asked.kind);
    return new Map((await api.all(`/api/spots/available?${query}`)).map((spot) => [spot.spot_id, spot]));
  }, [asked.start, asked.end, asked.kind, state.site]);
  const available = resource.data ?? new Map();
  const spot = available.get(picked);
  const tariff = spot && state.sites.find((one) => one.slug === spot.site)?.tariff;

  useEffect(() => {
    if (picked && resource.status === "fresh" && !available.has(picked)) setPicked(null);
  }, [resource.data]);

  const find = (event) => {
    event.preventDefault();
    const [start, end] = [from === null ? asked.start : fromField(from), to === null ? asked.end : fromField(to)];
    const wrong = periodProblem(start, end);
    setProblem(wrong && t(wrong));
    if (wrong) return;
    if (start === asked.start && end === asked.end && kind === asked.kind) resource.reload();
    else setAsked({ start, end, kind });
  };
  const pick = (id) => {
    key.current = null;
    setPicked(id);
    announce(t("{spot} chosen", { spot: id }));
  };
  const book = async (event) => {
    event.preventDefault();
    if (!picked || busy) return;
    setBusy(true);
    setProblem(null);
    // Kept until it is answered: sent again after a lost answer, it is still one reservation.
    key.current ??= crypto.randomUUID?.() ?? String(Math.random());
    try {
      localStorage.setItem(PLATE_KEY, plate);
      const made = await api.post("/api/reservations", { spot_id: picked, start: new Date(asked.start).toISOString(), end: new Date(asked.end).toISOString(), vehicle_plate: plate }, { key: key.current });
      key.current = null;
      setPicked(null);
      resource.reload();
      onReserved(made);
    } catch (error) {
      setProblem(reasons(error));
      if (error.status === 409) {
        setPicked(null);
        resource.reload();
      }
      if (error.status !== 0) key.current = null;
    } finally {
      setBusy(false);
    }
  };
  const look = (one) => {
    if (available.has(one.spot_id)) return { status: "free", note: t("free then") };
    const closed = one.status === "out_of_service";
    return { status: closed ? "out_of_service" : "occupied", disabled: true, note: closed ? t("out of service") : t("not free then") };
  };
  const count = available.size;
  const own = state.sites.find((one) => one.slug === state.site)?.tariff;
  const costs = tariffWords(own);
  return html`<form class="panel period-form" onSubmit=${find}>
      <div class="field"><label for="reserve-from">${t("From")}</label><input type="datetime-local" id="reserve-from" required value=${from ?? toField(asked.start)} onInput=${(event) => setFrom(event.target.value)} /></div>
      <div class="field"><label for="reserve-to">${t("To")}</label><input type="datetime-local" id="reserve-to" required value=${to ?? toField(asked.end)} onInput=${(event) => setTo(event.target.value)} /></div>
      <div class="field"><label for="reserve-kind">${t("Kind")}</label><select id="reserve-kind" value=${kind} onChange=${(event) => setKind(event.target.value)}><option value="">${t("Any kind")}</option>
        ${Object.entries(KINDS).map(([value, label]) => html`<option key=${value} value=${value}>${t(label)}</option>`)}</select></div>
      <button type="submit" class="button button-main" aria-busy=${resource.status === "loading" ? "true" : undefined}>${t("Show free spots")}</button>
    </form>
    ${costs && html`<p class="hint tariff">${costs}. ${own.refund && refundWords(own)}</p>`}
    ${problem && html`<p class="form-error" role="alert">${problem}</p>`}
    <${Fresh} resource=${state.sitesLoaded ? resource : sitesResource()} rows=${8} what=${t("The free spots could not be loaded.")}>${() => html`
      <p class="found" role="status">${`${plural(count, "{n} spot is free then.", "{n} spots are free then.")}${count ? "" : ` ${t("Try another time.")}`}`}</p>
      <${Plan} state=${state} picked=${picked} onPick=${pick} look=${look} />`}</${Fresh}>
    ${spot && html`<form class="panel chosen" onSubmit=${book}>
      <div class="chosen-words"><strong>${spot.spot_id} · ${t(KINDS[spot.kind] ?? spot.kind)}</strong><span class="price">${money(spot.price, spot.currency)}</span></div>
      ${spot.price > 0 && html`<p class="hint chosen-words">${refundWords(tariff)}</p>`}
      <label for="reserve-plate">${t("Number plate")}</label><input id="reserve-plate" autocomplete="off" autocapitalize="characters" required maxlength="20" value=${plate} onInput=${(event) => setPlate(event.target.value)} />
      ${user.value ? html`<button type="submit" class="button button-main" aria-busy=${busy ? "true" : undefined}>${t("Reserve")}</button>` : html`<a class="button button-main" href="/console/account/sign-in">${t("Sign in to reserve")}</a>`}
    </form>`}`;
}
