"use strict";

const fonts = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

Redoc.init(
  "/api/openapi.json",
  {
    sanitize: true,
    theme: {
      typography: {
        fontFamily: fonts,
        headings: { fontFamily: fonts },
        code: { fontFamily: "ui-monospace, Consolas, Menlo, monospace" },
      },
    },
  },
  document.getElementById("redoc"),
);
