// The pages: a line each. `role` is who may open it (`public` needs no account), `for` whose navigation lists it, `styles` what it loads beside
// the common sheets, `named` that a detail in the address is its name. A page's module gives the component as its default.

export const ROUTES = [
  // Visitors: at most five on the bar of a phone.
  { key: "home", title: "Home", icon: "home", role: "public", for: ["visitor"], load: () => import("./pages/public/home.js"), styles: ["crowd", "pilgrim", "pages"] },
  { key: "book", title: "Book", icon: "calendar", role: "public", for: ["visitor"], load: () => import("./pages/public/book.js"), styles: ["plan", "pilgrim", "reserve"] },
  { key: "tickets", title: "Tickets", icon: "ticket", role: "visitor", for: ["visitor"], load: () => import("./pages/visitor/tickets.js"), styles: ["pilgrim", "reserve"] },
  { key: "way", title: "Getting there", short: "Travel", icon: "bus", role: "public", for: ["visitor"], load: () => import("./pages/public/way.js"), styles: ["crowd", "pages"] },
  { key: "me", title: "Me", icon: "person", role: "visitor", for: ["visitor"], load: () => import("./pages/visitor/me.js"), styles: ["pilgrim", "pages"] },
  { key: "booking", title: "Booking", icon: "ticket", role: "visitor", for: [], load: () => import("./pages/visitor/booking.js"), styles: ["pilgrim", "reserve", "emergency", "pages"] },
  { key: "sos", title: "Emergency", icon: "sos", role: "visitor", for: [], load: () => import("./pages/visitor/sos.js"), styles: ["emergency"] },
  { key: "paid", title: "Payment", icon: "money", role: "visitor", for: [], load: () => import("./pages/visitor/paid.js"), styles: ["pilgrim", "reserve", "pages"] },

  // Operators.
  { key: "overview", title: "Overview", icon: "overview", role: "operator", for: ["operator"], group: "Now", load: () => import("./pages/operator/overview.js"), styles: ["plan", "panels", "crowd", "pages"] },
  { key: "alerts", title: "Alerts", icon: "bell", role: "operator", for: ["operator"], group: "Now", load: () => import("./pages/operator/alerts.js"), styles: ["panels", "pages"] },
  { key: "emergencies", title: "Emergencies", short: "Emergency", icon: "sos", role: "operator", for: ["operator"], group: "Now", load: () => import("./pages/operator/emergencies.js"), styles: ["emergency", "pages"] },
  { key: "parking", title: "Parking", icon: "parking", role: "operator", for: ["operator"], group: "Now", load: () => import("./pages/operator/parking.js"), styles: ["plan", "panels", "reserve", "pages"] },
  { key: "crowd", title: "Crowd", icon: "people", role: "public", for: ["operator"], group: "Now", load: () => import("./pages/public/crowd.js"), styles: ["crowd"] },
  { key: "shuttles", title: "Shuttles", icon: "bus", role: "public", for: ["operator"], group: "Now", load: () => import("./pages/public/shuttles.js"), styles: ["crowd"] },
  { key: "cameras", title: "Cameras", icon: "video", role: "operator", for: ["operator"], group: "Now", named: true, load: () => import("./pages/operator/cameras.js"), styles: ["pages"] },
  { key: "broadcasts", title: "Broadcasts", icon: "megaphone", role: "public", for: ["operator"], group: "Work", load: () => import("./pages/public/broadcasts.js"), styles: ["panels", "emergency"] },
  { key: "arrivals", title: "Arrivals", icon: "list", role: "operator", for: ["operator"], group: "Work", load: () => import("./pages/operator/arrivals.js"), styles: ["reserve"] },
  { key: "gate", title: "Gate", icon: "gate", role: "operator", for: ["operator"], group: "Work", bare: true, load: () => import("./pages/gate/gate.js"), styles: ["pilgrim"] },
  { key: "devices", title: "Devices", icon: "device", role: "operator", for: ["operator"], group: "Work", named: true, load: () => import("./pages/operator/devices.js"), styles: ["panels", "pages"] },
  { key: "history", title: "History", icon: "history", role: "operator", for: ["operator"], group: "Work", load: () => import("./pages/operator/history.js"), styles: ["pages"] },

  // Administrators.
  { key: "setup", title: "First setup", icon: "plus", role: "admin", for: [], load: () => import("./pages/admin/setup.js"), styles: ["pages"] },
  { key: "sites", title: "Sites and zones", icon: "site", role: "admin", for: ["admin"], group: "Administration", load: () => import("./pages/admin/sites.js"), styles: ["plan", "pages"] },
  { key: "slots", title: "Slots and tariffs", icon: "money", role: "admin", for: ["admin"], group: "Administration", load: () => import("./pages/admin/slots.js"), styles: ["pages"] },
  { key: "users", title: "Users", icon: "person", role: "admin", for: ["admin"], group: "Administration", load: () => import("./pages/admin/users.js"), styles: ["pages"] },
  { key: "resources", title: "Resources", icon: "tool", role: "operator", for: ["admin"], group: "Administration", load: () => import("./pages/admin/resources.js"), styles: ["pages"] },
  { key: "integrations", title: "Integrations", icon: "plug", role: "admin", for: ["admin"], group: "Administration", load: () => import("./pages/admin/integrations.js"), styles: ["pages"] },
  { key: "outbox", title: "Outbox", icon: "outbox", role: "admin", for: ["admin"], group: "Administration", load: () => import("./pages/admin/outbox.js"), styles: ["pages"] },
  { key: "audit", title: "Audit", icon: "list", role: "admin", for: ["admin"], group: "Administration", load: () => import("./pages/admin/audit.js"), styles: ["pages"] },
  { key: "system", title: "System", icon: "gauge", role: "admin", for: ["admin"], group: "Administration", load: () => import("./pages/admin/system.js"), styles: ["pages"] },
];

/** Pages about an account, for whoever is not signed in. */
export const ACCOUNT_ROUTES = [
  { key: "register", title: "Register", load: () => import("./pages/public/register.js"), styles: [] },
  { key: "forgot", title: "Forgotten password", load: () => import("./pages/public/forgot.js"), styles: [] },
];

/** What pages were called before they had addresses. */
export const RENAMED = { reserve: ["book", "parking"], darshan: ["book", "darshan"] };

const RANKS = { public: 0, visitor: 1, operator: 2, admin: 3 };

/** The rank of a role among the four that pages ask for. */
export function rankOf(role) {
  if (!role) return 0;
  if (role === "admin" || role === "super_admin") return 3;
  return role === "operator" || role === "developer" ? 2 : 1;
}

/** Whether this role may open the page. */
export const mayOpen = (page, role) => rankOf(role) >= RANKS[page.role];

/** What this role finds in its navigation. */
export function navigation(role) {
  const rank = rankOf(role);
  const whose = rank === 3 ? ["operator", "admin"] : rank === 2 ? ["operator"] : ["visitor"];
  return ROUTES.filter((page) => page.for.some((one) => whose.includes(one)));
}

/** Where this role begins. */
export const firstPage = (role) => (rankOf(role) >= 2 ? "overview" : "home");
