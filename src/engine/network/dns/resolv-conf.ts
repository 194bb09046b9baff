/** `resolv.conf(5)`: what of it says which servers are asked, and how names are completed. Pure. */
import { ipFamily } from "../../../kube/ip-address.ts";

export interface ResolvConf {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  /** As written: `ndots:5`, `rotate`. */
  readonly options: readonly string[];
}

export const EMPTY_RESOLV_CONF: ResolvConf = { nameservers: [], searches: [], options: [] };

/** Lines that mean nothing are passed over, as resolvers do. */
export function parseResolvConf(text: string): ResolvConf {
  const nameservers: string[] = [];
  const options: string[] = [];
  let searches: readonly string[] = [];
  for (const line of text.split("\n")) {
    const [keyword, ...values] = line.trim().split(/\s+/);
    const [first = ""] = values;
    if (keyword === "nameserver") {
      // An address may name the interface that it is reached through.
      if (ipFamily(first.replace(/%.*$/, "")) !== undefined) nameservers.push(first);
    } else if (keyword === "options") options.push(...values);
    // The last of these lines counts.
    else if (keyword === "search") searches = values;
    else if (keyword === "domain") searches = values.slice(0, 1);
  }
  return { nameservers, searches, options };
}

export function writeResolvConf({ nameservers, searches, options }: ResolvConf): string {
  return [
    ...nameservers.map((address) => `nameserver ${address}\n`),
    ...(searches.length === 0 ? [] : [`search ${searches.join(" ")}\n`]),
    ...(options.length === 0 ? [] : [`options ${options.join(" ")}\n`]),
  ].join("");
}
