import type { Pod as UpstreamPod } from "kubernetes-types/core/v1";
import type { Live } from "../../object.ts";

export type Pod = Live<UpstreamPod>;
