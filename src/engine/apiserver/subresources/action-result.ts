/** What an action answers when it has gone well. */
import type { KubeObject } from "../../../kube/object.ts";
import { type Encoded, encodeLazily } from "../encoded.ts";

/** A `Status` with code 201, as upstream answers a POST to `/binding` and `/eviction`. */
export function actionSucceeded(): Encoded {
  const status: KubeObject & { readonly status: string; readonly code: number } = {
    kind: "Status",
    apiVersion: "v1",
    metadata: { name: "" },
    status: "Success",
    code: 201,
  };
  return encodeLazily(status);
}
