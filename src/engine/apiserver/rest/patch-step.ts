/** What making a plan for a patch depends on. */
import type { Patch } from "../../../client/client.ts";
import type { AdmissionRequest } from "../admission/admission.ts";
import type { Backend } from "../backend.ts";
import type { Target } from "../target.ts";
import type { Encoded } from "../encoded.ts";
import type { RequestContext } from "../request-context.ts";
import type { ObjectView } from "../subresources/subresource.ts";

export interface PatchRequest extends Target {
  readonly patch: Patch;
  /** `status`, `scale`. */
  readonly subresource?: string;
  /** Server-side apply: take fields over from other managers. */
  readonly force?: boolean;
}

export interface PatchStep {
  readonly backend: Backend;
  readonly context: RequestContext;
  readonly request: PatchRequest;
  readonly view: ObjectView;
  readonly current: Encoded | undefined;
  readonly admission: AdmissionRequest;
}
