/** What containers may do to their node and to each other. */
import { isObject } from "../../../kube/json-object.ts";
import { type ImageReference, parseImage } from "../images/image-reference.ts";
import { type ContainerPlace, fieldOf, type PodSpecPlace } from "./pod-specs.ts";
import { containerRule, type ScanRule } from "./scan-rule.ts";

/** Capabilities that lead to the node. */
const DANGEROUS = new Set([
  "ALL",
  "BPF",
  "DAC_READ_SEARCH",
  "NET_ADMIN",
  "NET_RAW",
  "PERFMON",
  "SYS_ADMIN",
  "SYS_BOOT",
  "SYS_MODULE",
  "SYS_PTRACE",
  "SYS_RAWIO",
  "SYS_TIME",
]);

/** Pods that end are sent no requests. */
const ENDING = new Set<unknown>(["Never", "OnFailure"]);

const security = ({ container }: ContainerPlace, field: string): unknown =>
  fieldOf(container, "securityContext", field);

/** A container's own setting, else its pod's. */
const inherited = (place: ContainerPlace, { spec }: PodSpecPlace, field: string): unknown =>
  security(place, field) ?? fieldOf(spec, "securityContext", field);

function imageOf({ container }: ContainerPlace): ImageReference | undefined {
  const { image } = container;
  return typeof image === "string" ? parseImage(image) : undefined;
}

const runs = ({ kind }: ContainerPlace): boolean => kind === "containers";

export const containerRules: readonly ScanRule[] = [
  containerRule(
    {
      id: "privileged",
      severity: "warning",
      advice: "Remove securityContext.privileged, and add the one capability that is needed",
    },
    (place) =>
      security(place, "privileged") === true
        ? {
            message: "is privileged: it is root on the node",
            path: `${place.path}.securityContext.privileged`,
          }
        : undefined,
  ),
  containerRule(
    {
      id: "privilege-escalation",
      severity: "warning",
      advice: "Set securityContext.allowPrivilegeEscalation to false",
    },
    (place) =>
      security(place, "allowPrivilegeEscalation") === true
        ? {
            message: "may gain more rights than it started with",
            path: `${place.path}.securityContext.allowPrivilegeEscalation`,
          }
        : undefined,
  ),
  containerRule(
    {
      id: "capabilities",
      severity: "warning",
      advice: "Drop ALL, and add only what the program fails without",
    },
    (place) => {
      const added = fieldOf(place.container, "securityContext", "capabilities", "add");
      const names = Array.isArray(added)
        ? added.filter((name): name is string => typeof name === "string")
        : [];
      const found = names
        .map((name) => name.toUpperCase().replace(/^CAP_/, ""))
        .filter((name) => DANGEROUS.has(name));
      if (found.length === 0) return undefined;
      const path = `${place.path}.securityContext.capabilities.add`;
      return { message: `adds the capabilities ${found.join(", ")}`, path };
    },
  ),
  containerRule(
    {
      id: "run-as-root",
      severity: "warning",
      advice: "Run as a user above 0, and set securityContext.runAsNonRoot to true",
    },
    (place, pod) => {
      const user = inherited(place, pod, "runAsUser");
      const isRoot = user === 0;
      const isSaidFalse = inherited(place, pod, "runAsNonRoot") === false;
      if (!isRoot && !isSaidFalse) return undefined;
      // Of root nobody asks whether it may be root.
      if (!isRoot && typeof user === "number") return undefined;
      const field = isRoot ? "runAsUser" : "runAsNonRoot";
      const owner = security(place, field) === undefined ? pod.path : place.path;
      return { message: "runs as root", path: `${owner}.securityContext.${field}` };
    },
  ),
  containerRule(
    {
      id: "non-root",
      severity: "info",
      advice: "Set securityContext.runAsNonRoot to true",
    },
    (place, pod) => {
      const user = inherited(place, pod, "runAsUser");
      const isNonRoot = inherited(place, pod, "runAsNonRoot");
      if (isNonRoot !== undefined || user !== undefined) return undefined;
      return { message: "runs as whatever user its image names, maybe root", path: place.path };
    },
  ),
  containerRule(
    {
      id: "writable-root",
      severity: "info",
      advice:
        "Set securityContext.readOnlyRootFilesystem to true, and mount an emptyDir to write to",
    },
    (place) =>
      security(place, "readOnlyRootFilesystem") === true
        ? undefined
        : { message: "may write to its own file system", path: place.path },
  ),
  containerRule(
    {
      id: "host-port",
      severity: "warning",
      advice: "Use a Service instead of hostPort",
    },
    (place) => {
      const ports = fieldOf(place.container, "ports");
      const list: readonly unknown[] = Array.isArray(ports) ? ports : [];
      const index = list.findIndex((port) => {
        const hostPort = fieldOf(port, "hostPort");
        return typeof hostPort === "number" && hostPort > 0;
      });
      if (index < 0) return undefined;
      return {
        message: "takes a port of the node",
        path: `${place.path}.ports[${index}].hostPort`,
      };
    },
  ),
  containerRule(
    {
      id: "limits",
      severity: "warning",
      advice: "Set resources.limits.memory: without it one program can take the node's memory",
    },
    (place) =>
      place.kind === "ephemeralContainers" || has(place, "limits", "memory")
        ? undefined
        : { message: "has no memory limit", path: `${place.path}.resources` },
  ),
  containerRule(
    {
      id: "requests",
      severity: "warning",
      advice: "Set resources.requests.cpu and memory: the scheduler places pods by them",
    },
    (place) => {
      if (place.kind === "ephemeralContainers") return undefined;
      const missing = ["cpu", "memory"].filter(
        // A limit without a request is the request, too.
        (resource) => !has(place, "requests", resource) && !has(place, "limits", resource),
      );
      if (missing.length === 0) return undefined;
      return {
        message: `requests no ${missing.join(" and no ")}`,
        path: `${place.path}.resources`,
      };
    },
  ),
  containerRule(
    {
      id: "latest-tag",
      severity: "warning",
      advice: "Name a version: what `latest` means changes without a commit",
    },
    (place) => {
      const image = imageOf(place);
      if (image === undefined || image.digest !== undefined) return undefined;
      if (image.tag !== undefined && image.tag !== "latest") return undefined;
      const message = image.tag === undefined ? "its image has no tag" : "its image is latest";
      return { message, path: `${place.path}.image` };
    },
  ),
  containerRule(
    {
      id: "image-digest",
      severity: "info",
      advice: "Add the digest (@sha256:…): a tag may be moved",
    },
    (place) => {
      const image = imageOf(place);
      if (image === undefined || image.digest !== undefined) return undefined;
      return {
        message: "its image is named by a tag, not by a digest",
        path: `${place.path}.image`,
      };
    },
  ),
  containerRule(
    {
      id: "probes",
      severity: "info",
      advice: "Add a readinessProbe, so that a new pod gets no requests before it can answer them",
    },
    (place, pod) => {
      const ends = ENDING.has(fieldOf(pod.spec, "restartPolicy"));
      if (!runs(place) || ends || isObject(place.container["readinessProbe"])) return undefined;
      return { message: "has no readinessProbe", path: place.path };
    },
  ),
];

function has({ container }: ContainerPlace, list: string, resource: string): boolean {
  return fieldOf(container, "resources", list, resource) !== undefined;
}
