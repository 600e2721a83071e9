"use strict";

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#ui",
  deepLinking: true,
  displayRequestDuration: true,
  // No request to another host: the badge would ask one whether the document is valid.
  validatorUrl: null,
});
