// The reference of the API, from this server alone: no validator or proxy of elsewhere. Its lines for the shell name the address
// by which the reader has come, and it is dark where the reader's device is.
"use strict";
const dark = matchMedia("(prefers-color-scheme: dark)");
const shade = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", shade);
shade();

const { origin, protocol, hostname, port } = location;
const short = protocol === "http:" && port && ["localhost", "127.0.0.1"].includes(hostname) ? `:${port}` : origin; // as HTTPie has it
fetch("/openapi.json")
  .then((answer) => answer.text())
  .then((text) => text.replaceAll("http://localhost:5000", origin).replaceAll(" :5000/", ` ${short}/`))
  .then((text) =>
    SwaggerUIBundle({
      spec: JSON.parse(text),
      dom_id: "#reference",
      deepLinking: true,
      validatorUrl: null,
      tryItOutEnabled: true,
      displayRequestDuration: true,
      defaultModelsExpandDepth: 0,
    }),
  );
