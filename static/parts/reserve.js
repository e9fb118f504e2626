// Reserving a spot: a period, the plan with what is free then, the plate, the price and what a refund would be.

import { KINDS } from "../lib/format.js";
import { plural, t } from "../lib/i18n.js";
import { money, nextPeriod, periodProblem } from "../lib/reservations.js";
import { useResource } from "../lib/resource.js";
import { route } from "../lib/router.js";
import { fromField, toField } from "../lib/time.js";
import { announce, html, useEffect, useMemo, useRef, useState } from "../lib/ui.js";
import { useChosen } from "../state/chosen.js";
import { serverNow, useStore } from "../state/live.js";
import { useOnce } from "../state/once.js";
import { api, user } from "../state/session.js";
import { Refusal } from "./form.js";
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
  const places = useStore("spots", "sites", "zones", "site");
  const of = `parking of ${route.value.site ?? ""}`;
  // Null is the period that was asked for last: it is known before the clock of the site is.
  const [from, setFrom] = useChosen(`${of} from`, null);
  const [to, setTo] = useChosen(`${of} to`, null);
  const [kind, setKind] = useChosen(`${of} kind`, "");
  const [asked, setAsked] = useChosen(`${of} asked`, { ...nextPeriod(useMemo(serverNow, [])), kind: "" });
  const [picked, setPicked] = useChosen(`${of} picked`, null);
  const [plate, setPlate] = useChosen(`${of} plate`, localStorage.getItem(PLATE_KEY) ?? "");
  const [wrong, setWrong] = useState(null);
  const [state, setState] = useState({ busy: false, error: null });
  const sendOnce = useOnce();
  const resource = useResource(async () => {
    const query = new URLSearchParams({ from: new Date(asked.start).toISOString(), to: new Date(asked.end).toISOString(), limit: "500" });
    if (places.site) query.set("site", places.site);
    if (asked.kind) query.set("kind", asked.kind);
    return new Map((await api.all(`/api/spots/available?${query}`)).map((spot) => [spot.spot_id, spot]));
  }, [asked.start, asked.end, asked.kind, places.site]);
  const available = resource.data ?? new Map();
  // Reserved by an answer that was lost, a spot is not free any more: unless it is refused for that, it can be asked for again, as what it was.
  const last = useRef(null);
  const spot = available.get(picked) ?? (state.error && state.error.status !== 409 ? last.current : null);
  last.current = spot;
  const tariff = spot && places.sites.find((one) => one.slug === spot.site)?.tariff;

  useEffect(() => {
    // What was refused stays, with why: the spot is gone from the plan by then.
    if (picked && !state.error && resource.status === "fresh" && !available.has(picked)) setPicked(null);
  }, [resource.data]);

  const find = (event) => {
    event.preventDefault();
    const [start, end] = [from === null ? asked.start : fromField(from), to === null ? asked.end : fromField(to)];
    const problem = periodProblem(start, end);
    setWrong(problem);
    if (problem) return;
    setState({ busy: false, error: null });
    if (start === asked.start && end === asked.end && kind === asked.kind) resource.reload();
    else setAsked({ start, end, kind });
  };
  const pick = (id) => {
    setState({ busy: false, error: null });
    setPicked(id);
    announce(t("{spot} chosen", { spot: id }));
  };
  const book = async (event) => {
    event.preventDefault();
    if (!picked || state.busy) return;
    setState({ busy: true, error: null });
    try {
      localStorage.setItem(PLATE_KEY, plate);
      const made = await sendOnce("/api/reservations", { spot_id: picked, start: new Date(asked.start).toISOString(), end: new Date(asked.end).toISOString(), vehicle_plate: plate });
      setState({ busy: false, error: null });
      setPicked(null);
      resource.reload();
      onReserved(made);
    } catch (error) {
      setState({ busy: false, error });
      if (error.status === 409) resource.reload();
    }
  };
  const look = (one) => {
    if (available.has(one.spot_id)) return { status: "free", note: t("free then") };
    const closed = one.status === "out_of_service";
    return { status: closed ? "out_of_service" : "occupied", disabled: true, note: closed ? t("out of service") : t("not free then") };
  };
  const count = available.size;
  const own = places.sites.find((one) => one.slug === places.site)?.tariff;
  const costs = tariffWords(own);
  return html`<form class="panel period-form" onSubmit=${find}>
      <div class="field"><label for="reserve-from">${t("From")}</label><input type="datetime-local" id="reserve-from" required value=${from ?? toField(asked.start)} onInput=${(event) => setFrom(event.target.value)} /></div>
      <div class="field"><label for="reserve-to">${t("To")}</label><input type="datetime-local" id="reserve-to" required value=${to ?? toField(asked.end)} onInput=${(event) => setTo(event.target.value)} /></div>
      <div class="field"><label for="reserve-kind">${t("Kind")}</label><select id="reserve-kind" value=${kind} onChange=${(event) => setKind(event.target.value)}><option value="">${t("Any kind")}</option>
        ${Object.entries(KINDS).map(([value, label]) => html`<option key=${value} value=${value}>${t(label)}</option>`)}</select></div>
      <button type="submit" class="button button-main" aria-busy=${resource.status === "loading" ? "true" : undefined}>${t("Show free spots")}</button>
      ${wrong && html`<p class="form-error" role="alert">${t(wrong)}</p>`}
    </form>
    ${costs && html`<p class="hint tariff">${costs}. ${own.refund && refundWords(own)}</p>`}
    <${Fresh} resource=${places.sitesLoaded ? resource : sitesResource()} rows=${8} what=${t("The free spots could not be loaded.")}>${() => html`
      <p class="found" role="status">${`${plural(count, "{n} spot is free then.", "{n} spots are free then.")}${count ? "" : ` ${t("Try another time.")}`}`}</p>
      <${Plan} state=${places} picked=${picked} onPick=${pick} look=${look} />`}</${Fresh}>
    ${picked && (spot || state.error) && html`<form class="panel chosen" onSubmit=${book}>
      <div class="chosen-words"><strong>${picked}${spot ? ` · ${t(KINDS[spot.kind] ?? spot.kind)}` : ""}</strong>${spot && html`<span class="price">${money(spot.price, spot.currency)}</span>`}</div>
      ${spot?.price > 0 && html`<p class="hint chosen-words">${refundWords(tariff)}</p>`}
      ${spot && html`<label for="reserve-plate">${t("Number plate")}</label><input id="reserve-plate" autocomplete="off" autocapitalize="characters" required maxlength="20" value=${plate} onInput=${(event) => setPlate(event.target.value)} />
        ${user.value ? html`<button type="submit" class="button button-main" aria-busy=${state.busy ? "true" : undefined}>${t("Reserve")}</button>` : html`<a class="button button-main" href="/console/account/sign-in">${t("Sign in to reserve")}</a>`}`}
      <${Refusal} error=${state.error} instead=${t("It is not known whether it was reserved. Press again: it is reserved once.")} />
    </form>`}`;
}
