/** What header filters do. Pure. Headers are name, value, name, value, … */
import type { HeaderFilter } from "../../../kube/kinds/gateway/gateway-types.ts";
import type { RawHeaders } from "../ingress/request-target.ts";

/** They frame a message or name its destination: `URLRewrite` changes the host. */
const FIXED = new Set([
  "connection",
  "content-length",
  "host",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** In the order set, add, remove, as the Gateway API has it. */
export function editHeaders(headers: RawHeaders, filters: readonly HeaderFilter[]): string[] {
  let edited = [...headers];
  for (const { set = [], add = [], remove = [] } of filters) {
    for (const { name, value } of set) {
      if (FIXED.has(name.toLowerCase())) continue;
      edited = without(edited, new Set([name.toLowerCase()]));
      edited.push(name, value);
    }
    for (const { name, value } of add) if (!FIXED.has(name.toLowerCase())) edited.push(name, value);
    if (remove.length > 0)
      edited = without(
        edited,
        new Set(remove.map((name) => name.toLowerCase()).filter((name) => !FIXED.has(name))),
      );
  }
  return edited;
}

function without(headers: readonly string[], names: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2)
    if (!names.has((headers[at] ?? "").toLowerCase()))
      kept.push(headers[at] ?? "", headers[at + 1] ?? "");
  return kept;
}
