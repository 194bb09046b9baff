/** The views of a kind. Without a name it is the object itself. */
import type { ServedKind } from "../registry.ts";
import { ephemeralContainersView } from "./ephemeral-containers.ts";
import { finalizeView } from "./finalize.ts";
import { mainView } from "./main.ts";
import { scaleView } from "./scale.ts";
import { statusView } from "./status.ts";
import { noSuchSubresource, type ObjectView } from "./subresource.ts";

/** Throws 404 for a subresource that the kind does not have. */
export function viewOf(served: ServedKind, subresource: string | undefined): ObjectView {
  if (subresource === undefined) return mainView(served);
  const view = find(served, subresource);
  if (view === undefined) throw noSuchSubresource(served, subresource);
  return view;
}

function find(served: ServedKind, subresource: string): ObjectView | undefined {
  const { group, plural, subresources } = served.kind;
  switch (subresource) {
    case "status":
      return subresources?.status === true ? statusView(served) : undefined;
    case "scale":
      return subresources?.scale === undefined ? undefined : scaleView(subresources.scale);
    case "finalize":
      return group === "" && plural === "namespaces" ? finalizeView(served) : undefined;
    case "ephemeralcontainers":
      return group === "" && plural === "pods" ? ephemeralContainersView(served) : undefined;
    default:
      return undefined;
  }
}
