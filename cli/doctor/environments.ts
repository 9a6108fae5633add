import type { Client } from "@libsql/client";
import * as v from "valibot";
import { TaskOutcome } from "../../schemas/tasks.ts";
import { type Checked, type Finding, find } from "./findings.ts";

const lateMs = 10 * 60_000;

/** Whether each environment has what it sells with, and whether the scheduled tasks are done. */
export async function checkEnvironments(
  client: Client,
  { serverAnswers }: { serverAnswers: boolean },
): Promise<{ checked: Checked; hasStripe: boolean }> {
  const { rows } = await client.execute(environmentsQuery);
  const accounts = await client.execute(accountsQuery);
  const findings = [
    ...(rows.length === 0 ? [find("no_environment", "There is no environment yet")] : []),
    ...rows.flatMap(({ id, keys, accounts: own, sells }) => [
      ...(Number(keys) === 0 ? [find("environment_without_keys", `${id} has no API key`)] : []),
      ...(Number(sells) === 1 && Number(own) === 0
        ? [find("environment_without_stripe", `${id} has offers for Stripe Checkout and no Stripe account`)]
        : []),
    ]),
    ...accounts.rows
      .filter(({ secrets }) => Number(secrets) === 0)
      .map(({ environment, account }) =>
        find("account_without_webhooks", `${environment} has no webhook secret for ${account}`),
      ),
    ...(await taskFindings(client, serverAnswers)),
  ];
  const seen = rows.map(({ id }) => String(id)).join(", ");
  return { checked: { about: "environments", seen, findings }, hasStripe: accounts.rows.length > 0 };
}

const environmentsQuery = `
  select e.id,
    (select count(*) from api_keys k where k.environment_id = e.id and k.revoked_at is null) as keys,
    (select count(*) from stripe_accounts s where s.environment_id = e.id) as accounts,
    exists(select 1 from environment_versions v, json_each(v.document, '$.redemptionMethods') m
      where v.environment_id = e.id and v.version = e.config_version
        and json_extract(m.value, '$.schema') = 'mos:stripe-checkout-instructions') as sells
  from environments e order by e.id`;

const accountsQuery = `
  select s.environment_id as environment, s.account_id as account,
    (select count(*) from stripe_webhook_secrets w
      where w.environment_id = s.environment_id and w.account_id = s.account_id) as secrets
  from stripe_accounts s order by s.environment_id, s.account_id`;

const Outcome = v.pipe(v.string(), v.parseJson(), TaskOutcome);

async function taskFindings(client: Client, serverAnswers: boolean): Promise<Finding[]> {
  const { rows } = await client.execute("select name, started_at, outcome from tasks order by name");
  const failing = rows.flatMap(({ name, outcome }) => {
    const parsed = v.safeParse(Outcome, outcome);
    if (!parsed.success || parsed.output.ok) return [];
    return [
      find(
        "task_failing",
        `The last ${name} left something undone: ${parsed.output.failures[0] ?? "no reason was told"}`,
      ),
    ];
  });
  const last = rows.find(({ name }) => name === "reconcile")?.started_at;
  if (!serverAnswers || typeof last !== "number" || Date.now() - last < lateMs) return failing;
  return [...failing, find("tasks_not_running", `reconcile was begun last at ${new Date(last).toISOString()}`)];
}
