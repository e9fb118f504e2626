// Drawings on a 24 × 24 grid; `filled` ones are areas, the rest are lines.

export const ICONS = {
  gate: { path: "M4 21V11.5a8 8 0 0 1 16 0V21M9 15h6M12 15v6" },
  car: {
    filled: true,
    path:
      "M12 1.5c2.6 0 4.3.7 4.6 1.9l1 4.3v12c0 1.5-1.2 2.8-2.8 2.8H9.2a2.8 2.8 0 0 1-2.8-2.8v-12l1-4.3c.3-1.2 2-1.9 4.6-1.9z" +
      "M8.1 8.9l.9 2.7h6l.9-2.7c-1-.5-2.3-.8-3.9-.8s-2.9.3-3.9.8zM9 17.6l-.7 2.2c1 .4 2.3.6 3.7.6s2.7-.2 3.7-.6l-.7-2.2z",
  },
  ev: { filled: true, path: "M13.5 2 5 13.5h5.5L9.5 22 19 9.8h-6z" },
  accessible: {
    path:
      "M11 3.7m-1.3 0a1.3 1.3 0 1 0 2.6 0a1.3 1.3 0 1 0-2.6 0M11 8v6h5l2.5 5.5M11 10.5h4" +
      "M8.3 11.8a5 5 0 1 0 6.2 6.7",
  },
  two_wheeler: {
    path:
      "M5.5 16.5m-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0-6.4 0M18.5 16.5m-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0-6.4 0" +
      "M5.5 16.5l3.5-6h6.5l3 6M13 6.5h2.5l.5 4",
  },
  vip: { filled: true, path: "M12 2.8l2.8 5.9 6.4.8-4.7 4.5 1.2 6.4L12 17.3l-5.7 3.1 1.2-6.4L2.8 9.5l6.4-.8z" },
  reserved: { path: "M8.5 20V4h4.5a4.5 4.5 0 0 1 0 9H8.5M12.5 13l4 7" },
  closed: { path: "M6 6l12 12M18 6L6 18" },
  check: { path: "M5 12.5l4.5 4.5L19 7" },
  close: { path: "M6 6l12 12M18 6L6 18" },
  critical: { path: "M8.2 3h7.6L21 8.2v7.6L15.8 21H8.2L3 15.8V8.2zM12 7.5v5.5M12 16.4v.2" },
  warning: { path: "M12 4L2.8 20h18.4zM12 10v4.5M12 17.2v.2" },
  info: { path: "M12 12m-9 0a9 9 0 1 0 18 0a9 9 0 1 0-18 0M12 11v5.5M12 7.5v.2" },
  healthy: { filled: true, path: "M12 12m-8 0a8 8 0 1 0 16 0a8 8 0 1 0-16 0" },
  health_warning: { filled: true, path: "M12 3L1.5 21h21z" },
  offline: { filled: true, path: "M4 4h16v16H4z" },
  unknown: { path: "M12 12m-8 0a8 8 0 1 0 16 0a8 8 0 1 0-16 0" },
  leave: { path: "M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9" },
  place: { path: "M12 21s-7-6.2-7-11.5a7 7 0 0 1 14 0C19 14.8 12 21 12 21zM12 9.5m-2.5 0a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0" },
  megaphone: { path: "M4 10v4h3l8 4V6L7 10zM18.5 9.5a4 4 0 0 1 0 5M8 14.5l1.5 5" },
  search: { path: "M10.5 10.5m-6.5 0a6.5 6.5 0 1 0 13 0a6.5 6.5 0 1 0-13 0M15.5 15.5L20.5 20.5" },
};
