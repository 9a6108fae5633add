import { defineConfig } from "drizzle-kit";

const schema = [
  "./schemas/tables.ts",
  "./schemas/sales-tables.ts",
  "./schemas/webhook-tables.ts",
  "./schemas/identity-tables.ts",
];

export default defineConfig({ dialect: "sqlite", schema, out: "./schemas/migrations" });
