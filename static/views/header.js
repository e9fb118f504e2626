// The frame around the views: site picker, connection, clock, who is signed in; and the way between the parts on a phone.

import { arrange, attribute, h, icon, text } from "../dom.js";
import { alertsOfSite } from "../model.js";
import { createPager, pagesFor } from "../pages.js";

const CONNECTIONS = {
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Reconnecting",
};

/** The whole console; `alerts` and `devices` are null for those who may not see them. `leave()` ends the page that is open. */
export function consoleShell(context, { summary, plan, alerts, devices }) {
  const { store, chooseSite, signOut } = context;
  const { user } = store.state;
  const picker = h("select", { id: "site", "aria-label": "Site", on: { change: () => chooseSite(picker.value || null) } });
  const connectionText = h("span", {});
  const connection = h("p", { class: "connection", role: "status", "data-state": "connecting" }, h("span", { class: "connection-dot" }), connectionText);
  const clock = h("time", { class: "clock" });
  const openAlerts = h("span", { class: "count" });

  const header = h("header", { class: "top" },
    h("button", { type: "button", class: "skip", on: { click: () => slot.focus() } }, "Skip to the page"),
    h("div", { class: "brand" }, icon("gate", "brand-mark"), h("h1", {}, "Gatehouse")),
    h("div", { class: "site-picker" }, picker),
    connection,
    clock,
    h("div", { class: "who" },
      h("span", { class: "who-name", title: `${user.email} (${user.role.replaceAll("_", " ")})` }, user.name || user.email),
      h("button", { type: "button", id: "sign-out", class: "button button-quiet", "aria-label": "Sign out", title: "Sign out", on: { click: signOut } },
        icon("leave"), h("span", { class: "wide" }, "Sign out")),
    ),
  );

  const jumps = alerts
    ? h("nav", { class: "jumps", "aria-label": "Parts of the console" },
        h("a", { href: "#plan" }, "Plan"),
        h("a", { href: "#alerts" }, "Alerts", openAlerts),
        h("a", { href: "#devices" }, "Devices"))
    : null;

  const links = new Map(pagesFor(store.state.operator).map((page) => [page.key, h("a", { href: `#/${page.key}` }, page.title)]));
  const pages = links.size > 1 ? h("nav", { class: "pages", "aria-label": "Pages" }, [...links.values()]) : null;
  const slot = h("main", { class: "slot", tabindex: "-1" });
  const parking = h("div", { class: "parts" }, summary, plan, alerts, devices);

  store.subscribe(["sites", "site"], (state) => {
    const options = [["", "All sites"], ...state.sites.map((site) => [site.slug, site.name])];
    const known = [...picker.options].map((option) => `${option.value}\n${option.text}`).join("\n");
    if (known !== options.map((option) => option.join("\n")).join("\n")) {
      arrange(picker, options.map(([value, name]) => h("option", { value }, name)));
    }
    picker.value = state.site ?? "";
  });

  store.subscribe(["connection"], (state) => {
    attribute(connection, "data-state", state.connection);
    text(connectionText, CONNECTIONS[state.connection]);
  });

  store.subscribe(["tick"], () => {
    text(clock, new Date().toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" }));
  });

  store.subscribe(["alerts", "site"], (state) => {
    const open = alertsOfSite(state.alerts, state.site).filter((alert) => alert.status === "active").length;
    document.title = open ? `(${open}) Gatehouse` : "Gatehouse";
    text(openAlerts, open || "");
    openAlerts.hidden = open === 0;
  });

  const element = h("div", { class: alerts ? "console" : "console console-narrow" }, header, pages, slot, jumps);
  const pager = createPager(context, {
    slot,
    parking,
    onChange(page) {
      attribute(element, "data-page", page.key);
      for (const [key, link] of links) attribute(link, "aria-current", key === page.key ? "page" : null);
      links.get(page.key)?.scrollIntoView({ block: "nearest", inline: "center" });
    },
  });
  return { element, leave: pager.leave };
}
