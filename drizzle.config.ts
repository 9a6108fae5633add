import { defineConfig } from "drizzle-kit";

export default defineConfig({ dialect: "sqlite", schema: "./schemas/tables.ts", out: "./schemas/migrations" });
