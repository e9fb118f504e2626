"use strict";

SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  filter: true,
  displayRequestDuration: true,
  // A token is kept no longer than the page.
  persistAuthorization: false,
  // The default sends the document to a public service.
  validatorUrl: null,
});
