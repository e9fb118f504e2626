// The console put together: who is signed in, which page the address names, what is drawn around it.

import { startLanguage, t } from "./lib/i18n.js";
import { backoff } from "./lib/resource.js";
import { address, go, route, startRouter } from "./lib/router.js";
import { zone } from "./lib/time.js";
import { Icon, addSheet, html, render, signal, useEffect, useErrorBoundary } from "./lib/ui.js";
import { Banners, titlePrefix } from "./parts/banner.js";
import { Skeleton } from "./parts/panel.js";
import { Search, startSearch } from "./parts/search.js";
import { applyTheme } from "./parts/settings.js";
import { Shell, Sos } from "./parts/shell.js";
import { AskPassword, AskToLeave, SignIn } from "./parts/signin.js";
import { Toasts } from "./parts/toasts.js";
import { ACCOUNT_ROUTES, RENAMED, ROUTES, firstPage, mayOpen } from "./routes.js";
import { placeOfChoice } from "./state/chosen.js";
import { serverNow, store, useStore } from "./state/live.js";
import { asksToLeave, expired, resume, user } from "./state/session.js";
import { keepOffline } from "./state/offline.js";

const SITE_KEY = "gatehouse.site";

/** Modules of pages by key: a component, or why it could not be loaded. */
const loaded = signal(new Map());

/** The sheets of a page, loaded once; shown when they are there. */
const sheets = (names) => Promise.all(names.map((name) => addSheet(`/console/styles/${name}.css`)));

/** The page that is shown: another is not asked for any more. */
let wantedKey = "";
let retryTimer = 0;

async function loadPage(page, failures = 0) {
  clearTimeout(retryTimer);
  if (loaded.value.get(page.key)?.component) return;
  const put = (entry) => {
    loaded.value = new Map(loaded.value).set(page.key, entry);
  };
  try {
    const [module] = await Promise.all([page.load(), sheets(page.styles)]);
    put({ component: module.default });
  } catch (error) {
    put({ error });
    clearTimeout(retryTimer);
    retryTimer = setTimeout(() => page.key === wantedKey && loadPage(page, failures + 1), backoff(failures + 1));
  }
}

function Lazy({ page, ...props }) {
  const entry = loaded.value.get(page.key);
  const [broken, reset] = useErrorBoundary((error) => reportError(error));
  useEffect(() => {
    wantedKey = page.key;
    loadPage(page);
  }, [page.key]);
  useEffect(reset, [page.key, route.value.site, route.value.detail]);
  if (broken || entry?.error) {
    const retry = () => (broken ? reset() : loadPage(page));
    return html`<div class="page"><div class="panel failed" role="alert"><p><${Icon} name="warning" /> <strong>${t("This page could not be opened.")}</strong></p>
      <button type="button" class="button" onClick=${retry}>${t("Try again")}</button> <button type="button" class="button" onClick=${() => location.reload()}>${t("Reload")}</button></div></div>`;
  }
  if (!entry?.component) return html`<div class="page"><${Skeleton} rows=${6} /></div>`;
  // Another site or another thing is another page: nothing of the last one stays.
  return html`<${entry.component} key=${`${user.value?.id} ${route.value.site} ${props.detail}`} ...${props} />`;
}

function NotFound({ forbidden }) {
  return html`<div class="page"><div class="panel not-found"><h1>${forbidden ? t("This page is not for your account") : t("There is no such page")}</h1>
    <p>${location.pathname}</p><p><a class="button button-main" href=${address(store.state.site, firstPage(user.value?.role))}>${t("To the start page")}</a></p></div></div>`;
}

/** Sends addresses that name too little to a whole one. */
function settle(role) {
  const { kind, site, page, detail, query } = route.value;
  if (kind !== "site" || (!role && site === undefined)) return;
  const { sites, sitesLoaded } = store.state;
  const [key, renamed] = RENAMED[page] ?? [page, detail];
  let place = site;
  if (place === undefined) {
    const kept = localStorage.getItem(SITE_KEY);
    place = kept && kept !== "all" && (!sitesLoaded || sites.some((one) => one.slug === kept)) ? kept : null;
  }
  const wanted = address(place, key || firstPage(role), renamed, Object.fromEntries(query));
  if (wanted !== location.pathname + location.search) go(wanted, { replace: true });
}

/** What stands outside the frame: signing in, a new account. What is urgent reaches who is there as well. */
function Outside({ page }) {
  return html`<${Title} text=${`${t(page?.title ?? "Sign in")} · Gatehouse`} /><${Banners} />${page ? html`<${Lazy} page=${page} />` : html`<${SignIn} />`}<${Sos} />`;
}

/** The title of the tab, with what is urgent before it. Apart, so that a page is not drawn anew each second. */
function Title({ text }) {
  useStore("tick", "broadcasts", "alerts", "emergencies", "site");
  useEffect(() => {
    const whole = titlePrefix(serverNow()) + text;
    if (document.title !== whole) document.title = whole;
  });
  return null;
}

function Site() {
  const state = useStore("sites");
  const { site, page: key, detail } = route.value;
  const page = ROUTES.find((one) => one.key === key);
  const known = site === null || site === undefined || !state.sitesLoaded || state.sites.some((one) => one.slug === site);
  const allowed = page && mayOpen(page, user.value?.role);
  const name = state.sites.find((one) => one.slug === site)?.name;
  // What is known by a code of its own is called by it; ids say nothing to anybody.
  const thing = page?.named ? detail : null;
  const title = [page && known ? t(page.title) : t("Not found"), thing, name, "Gatehouse"].filter(Boolean).join(" · ");
  return html`<${Title} text=${title} /><${Shell} page=${page}>
    ${!page || !known ? html`<${NotFound} />` : !allowed ? html`<${NotFound} forbidden />` : html`<${Lazy} page=${page} site=${site ?? null} detail=${detail} />`}
  </${Shell}>`;
}

function App() {
  const who = user.value;
  const { kind, site, page } = route.value;
  useEffect(() => {
    if (who !== undefined) settle(who?.role);
  }, [who, route.value]);
  if (who === undefined) return html`<main class="login"><${Skeleton} /></main><${Sos} />`;
  const account = kind === "account" ? ACCOUNT_ROUTES.find((one) => one.key === page) : null;
  const wanted = ROUTES.find((one) => one.key === (RENAMED[page]?.[0] ?? page));
  let shown = html`<${Site} />`;
  if (account) shown = html`<${Outside} page=${account} />`;
  else if (!who && !(site !== undefined && wanted?.role === "public")) shown = html`<${Outside} />`;
  return html`${shown}<${Toasts} />${who && html`<${Search} />`}${expired.value && html`<${AskPassword} />`}${asksToLeave.value && html`<${AskToLeave} />`}`;
}

/** The public page that somebody looked at before they went to sign in. */
let before = null;
let wasSignedIn = false;

function noteBefore({ kind, page }) {
  if (kind === "site" && user.value === null && ROUTES.find((one) => one.key === page)?.role === "public") before = { page, address: location.pathname + location.search };
}

/** Whoever has just signed in on the page for it goes back to where they were, staff from the start page of visitors to their own. */
function afterSignIn() {
  const hasLeft = wasSignedIn && !user.value;
  wasSignedIn = Boolean(user.value);
  // What one looked at is not where the next one is sent.
  if (hasLeft) before = null;
  else if (!user.value) noteBefore(route.value);
  if (!user.value) return;
  const first = firstPage(user.value.role);
  const back = before && (before.page !== "home" || first === "home") ? before.address : placeOfChoice() || address(null, first);
  before = null;
  if (route.value.kind === "account") go(back, { replace: true });
}

/** Keeps the site and the time zone those of the address. No effect of a component does, as it would run after a page was drawn. */
function followSite() {
  const site = route.value.site ?? null;
  if (store.state.site !== site) store.set({ site });
  // Without a network nobody says which clock it is; the gate knows its own.
  if (store.state.sitesLoaded) zone.value = store.state.sites.find((one) => one.slug === site)?.time_zone;
}

applyTheme();
startRouter();
route.subscribe(followSite);
store.subscribe(["sites"], followSite);
startSearch();
await startLanguage();
render(html`<${App} />`, document.getElementById("app"));
route.subscribe(noteBefore);
user.subscribe(afterSignIn);
await resume();
keepOffline();
