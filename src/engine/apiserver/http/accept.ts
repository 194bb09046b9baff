/** Which representation a client wants: `Accept` as Kubernetes clients write it. Pure. */
import { StatusError } from "../../../kube/status-error.ts";

export type Representation =
  | "Table"
  | "PartialObjectMetadata"
  | "PartialObjectMetadataList"
  | "APIGroupDiscoveryList";

export interface Accepted {
  readonly as: Representation | undefined;
  /** The `v` parameter: `v1`, `v2`, … */
  readonly version: string;
  readonly group: string;
}

interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const PLAIN: Accepted = { as: undefined, version: "", group: "" };
const JSON_TYPES = new Set(["application/json", "application/*", "*/*", "text/plain"]);

function rangesOf(header: string): MediaRange[] {
  return header.split(",").map((range) => {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim());
    const pairs = parameters.map((parameter): [string, string] => {
      const equals = parameter.indexOf("=");
      return [parameter.slice(0, equals).trim().toLowerCase(), parameter.slice(equals + 1).trim()];
    });
    return { type: type.toLowerCase(), parameters: new Map(pairs) };
  });
}

/**
 * The first of the client's choices that the server has. `offered` names representations besides
 * plain JSON. Throws 406 when there is none.
 */
export function negotiate(
  header: string | undefined,
  offered: readonly Representation[],
): Accepted {
  if (header === undefined || header === "") return PLAIN;
  for (const { type, parameters } of rangesOf(header)) {
    if (!JSON_TYPES.has(type)) continue;
    const as = parameters.get("as");
    if (as === undefined) return PLAIN;
    const found = offered.find((representation) => representation === as);
    if (found !== undefined && type === "application/json")
      return { as: found, version: parameters.get("v") ?? "", group: parameters.get("g") ?? "" };
  }
  throw StatusError.of(
    "NotAcceptable",
    "only the following media types are accepted: application/json, application/json;stream=watch",
  );
}
