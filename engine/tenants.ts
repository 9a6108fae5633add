/** Whose runs the sandbox keeps apart: those of a method's redemptions, and those of its tries. */
export type Tenant = { purpose: "redeem" | "try"; environmentId: string; methodSlug: string };

/** The sandbox's word for a tenant. A draft that is being tried must not put to rest what is in force. */
export function tenantName({ purpose, environmentId, methodSlug }: Tenant): string {
  return `${purpose}:${environmentId}:${methodSlug}`;
}

/** What `tenantName` was made of; null for a tenant of the sandbox's own, such as a module that is inspected. */
export function readTenant(name: string): Tenant | null {
  const [purpose, environmentId = "", methodSlug = ""] = name.split(":");
  return purpose === "redeem" || purpose === "try" ? { purpose, environmentId, methodSlug } : null;
}
