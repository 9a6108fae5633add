import { customerAnswer } from "../answers/customer.ts";
import { type Endpoint, endpoint } from "../endpoint.ts";
import { invalid, noSuch, notSimulated } from "../errors.ts";
import { newId } from "../ids.ts";
import { listPage } from "../list-page.ts";
import { mergeMetadata } from "../metadata.ts";
import type { Records } from "../records.ts";
import { isEmail } from "../session-rules.ts";

/** Stripe API reference, "Customers". */
export const customerEndpoints: Endpoint[] = [
  endpoint("POST", "/v1/customers", "customerCreate", (context, params) => {
    const other = Object.keys(params).find((name) => !remembered.includes(name));
    if (other !== undefined) {
      throw notSimulated(other);
    }
    if (params.email !== undefined && !isEmail(params.email)) {
      throw invalid(`Invalid email address: ${params.email}`, { code: "email_invalid", param: "email" });
    }
    const customer: Records["customer"] = {
      id: newId("cus", 14),
      created: context.nowSeconds(),
      metadata: mergeMetadata({}, params.metadata),
      email: params.email ?? null,
      name: params.name ?? null,
      phone: params.phone ?? null,
      description: params.description ?? null,
      failing: false,
    };
    context.store.put("customer", customer);
    return customerAnswer(customer);
  }),
  endpoint("GET", "/v1/customers", "customerList", (context, params) =>
    listPage(context, {
      kind: "customer",
      name: "customer",
      url: "/v1/customers",
      params,
      by: { email: params.email },
      answer: customerAnswer,
    }),
  ),
  endpoint("GET", "/v1/customers/:id", "customerRetrieve", (context, _, id) => {
    const customer = context.store.get("customer", id);
    if (customer === undefined) {
      throw noSuch("customer", id, "id", 404);
    }
    return customerAnswer(customer);
  }),
];

const remembered = ["description", "email", "expand", "metadata", "name", "phone"];
