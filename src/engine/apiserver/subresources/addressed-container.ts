/** Which container of a pod a request means. */
import type { Pod } from "../../../kube/kinds/pod.ts";
import { StatusError } from "../../../kube/status-error.ts";

/** As upstream, the container that is meant when none is named. */
const DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container";

/** Throws 400 when none is named and several could be meant, and for one that is not there. */
export function containerOf(pod: Pod, asked: string | undefined): string {
  const { name, annotations } = pod.metadata;
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const all = [...initContainers, ...containers, ...ephemeralContainers].map((each) => each.name);
  const byDefault = annotations?.[DEFAULT_CONTAINER];
  if (asked === undefined || asked === "") {
    if (byDefault !== undefined && all.includes(byDefault)) return byDefault;
    const [only] = containers;
    if (only !== undefined && containers.length === 1) return only.name;
    throw bad(
      `a container name must be specified for pod ${name}, choose one of: [${all.join(" ")}]`,
    );
  }
  if (!all.includes(asked)) throw bad(`container ${asked} is not valid for pod ${name}`);
  return asked;
}

const bad = (message: string): StatusError => StatusError.of("BadRequest", message);
