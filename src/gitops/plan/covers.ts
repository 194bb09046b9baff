/**
 * A quick test whether a live object already has every field of a manifest. Only a shortcut: "no"
 * means that the API server has to be asked (a dry run of server-side apply), never that the
 * object differs. So it may say no too often, for example for reordered or defaulted lists.
 */
import { deepEqual } from "../../kube/equality.ts";

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Whether `live` has everything that `desired` says. Null in `desired` says nothing. */
export function covers(live: unknown, desired: unknown): boolean {
  if (desired === null || desired === undefined) return true;
  if (Array.isArray(desired)) return Array.isArray(live) && coversList(live, desired);
  if (!isFields(desired)) return live === desired;
  if (!isFields(live)) return false;
  return Object.keys(desired).every((key) => covers(live[key], desired[key]));
}

/** Lists of named things are merged by name; any other list is only taken for equal when it is. */
function coversList(live: readonly unknown[], desired: readonly unknown[]): boolean {
  const byName = new Map<unknown, unknown>();
  for (const item of live) {
    if (!isFields(item) || typeof item["name"] !== "string") return deepEqual(live, desired);
    byName.set(item["name"], item);
  }
  return desired.every(
    (item) => isFields(item) && byName.has(item["name"]) && covers(byName.get(item["name"]), item),
  );
}
