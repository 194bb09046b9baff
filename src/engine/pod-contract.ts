/**
 * What the node agent writes on pods for the rest of the engine to read: the controllers and the
 * service proxy know these names, and nobody else has to.
 */

/**
 * Annotation where pods share the host's network: JSON, container port → port that listens on the
 * pod's IP.
 */
export const HOST_PORTS_ANNOTATION = "gantry.dev/host-ports";

/**
 * Condition that is False between a pod's readiness and the moment when every data-plane consumer
 * routes to it. Absent where no Service selects the pod.
 */
export const ROUTED_CONDITION = "gantry.dev/Routed";
