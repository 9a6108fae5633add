import { Hono } from "hono";
import { generateSpecs } from "hono-openapi";

const documentation = {
  info: {
    title: "Scrip",
    version: "1",
    description: "Surface decisions with signed offers, and their redemption by the operator's own workflows.",
  },
  components: {
    securitySchemes: {
      key: {
        type: "http" as const,
        scheme: "bearer",
        description: "A secret key (sk_…) or, from an allowed page, a public key (pk_…)",
      },
      member: { type: "http" as const, scheme: "bearer", description: "A member JWT of this server" },
      admin: { type: "http" as const, scheme: "bearer", description: "An admin token" },
    },
  },
};

/** `GET /openapi.json`, made from the schemas that validate, and `GET /docs`, its readable form. */
export function docs(app: Hono): Hono {
  let specification: Awaited<ReturnType<typeof generateSpecs>> | undefined;
  return new Hono()
    .get("/openapi.json", async (c) => {
      specification ??= await generateSpecs(app, {
        documentation: { openapi: "3.1.0", ...documentation },
        // a set of keys is not a file because its name has a dot
        excludeStaticFile: false,
      });
      return c.json(specification);
    })
    .get("/docs", (c) => {
      c.header(
        "Content-Security-Policy",
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
      );
      return c.html(page);
    })
    .get("/docs/start.js", (c) => c.body(start, 200, { "Content-Type": "text/javascript; charset=utf-8" }));
}

/** The runtime serves Swagger UI's files below `/docs/assets/`: nothing is loaded from elsewhere. */
const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Scrip API</title>
<link rel="icon" href="/docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="reference"></div>
<noscript>The reference needs JavaScript; the document itself is at <a href="/openapi.json">/openapi.json</a>.</noscript>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

const start = `SwaggerUIBundle({ url: "/openapi.json", dom_id: "#reference", deepLinking: true, validatorUrl: null });\n`;
