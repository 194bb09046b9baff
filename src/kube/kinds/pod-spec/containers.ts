/** Rules for containers, init containers (sidecars included) and ephemeral containers of a pod. */
import type {
  Container,
  ContainerPort,
  EphemeralContainer,
  PodSpec,
} from "kubernetes-types/core/v1";
import type { FieldError } from "../../field-error.ts";
import { ipFamily } from "../../ip-address.ts";
import { dns1123Label, portName, portNumber } from "../../names.ts";
import {
  duplicate,
  duplicates,
  forbidden,
  invalid,
  isBlank,
  named,
  notFound,
  required,
  requiredName,
} from "../field-problems.ts";
import { validateContainerRestart } from "./container-restart.ts";
import { validateEnv, validateEnvFrom } from "./environment.ts";
import { validateLifecycle, validateProbe } from "./handlers.ts";
import { validateResources } from "./resources.ts";
import { validateSecurityContext } from "./security-context.ts";
import { validateVolumeMounts } from "./volumes.ts";

const PROBES = ["livenessProbe", "readinessProbe", "startupProbe"] as const;
export const DEFAULT_GRACE_SECONDS = 30;
const NOT_EPHEMERAL = ["ports", "lifecycle", "resources", "restartPolicy", ...PROBES] as const;

/** What a container's rules need to know of its pod. */
interface PodContext {
  readonly volumes: ReadonlySet<string>;
  readonly graceSeconds: number;
  readonly hostNetwork: boolean;
  /** False for pod templates, where host ports are filled in later. */
  readonly isPod: boolean;
}

/** An init container that keeps running beside the main ones. */
export function isSidecar(container: Pick<Container, "restartPolicy">): boolean {
  return container.restartPolicy === "Always";
}

export function validateAllContainers(spec: PodSpec, field: string, isPod: boolean): FieldError[] {
  const context: PodContext = {
    volumes: new Set((spec.volumes ?? []).map((volume) => volume.name)),
    graceSeconds: spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS,
    hostNetwork: spec.hostNetwork === true,
    isPod,
  };
  const containers = spec.containers ?? [];
  const lists = [
    { path: `${field}.containers`, items: containers },
    { path: `${field}.initContainers`, items: spec.initContainers ?? [] },
    { path: `${field}.ephemeralContainers`, items: spec.ephemeralContainers ?? [] },
  ];
  const located = lists.flatMap(({ path, items }) =>
    items.map((container, index) => ({ container, path: `${path}[${index}]` })),
  );
  return [
    ...(containers.length === 0 ? [required(`${field}.containers`)] : []),
    ...containers.flatMap((container, index) =>
      validateMainContainer(container, context, `${field}.containers[${index}]`),
    ),
    ...(spec.initContainers ?? []).flatMap((container, index) =>
      validateInitContainer(container, context, `${field}.initContainers[${index}]`),
    ),
    ...(spec.ephemeralContainers ?? []).flatMap((container, index) =>
      validateEphemeral(container, spec, context, `${field}.ephemeralContainers[${index}]`),
    ),
    ...duplicates(
      located,
      ({ container }) => container.name,
      (index, name) => duplicate(`${located[index]?.path ?? field}.name`, name),
    ),
    ...validateHostPortsUnique(containers, `${field}.containers`),
  ];
}

function validateMainContainer(
  container: Container,
  context: PodContext,
  field: string,
): FieldError[] {
  const errors = [
    ...validateContainer(container, context, field),
    ...validateRunning(container, context, field),
  ];
  return [...errors, ...validateContainerRestart(container, field)];
}

function validateInitContainer(
  container: Container,
  context: PodContext,
  field: string,
): FieldError[] {
  const errors = validateContainer(container, context, field);
  errors.push(...validateContainerRestart(container, field));
  if (isSidecar(container)) return [...errors, ...validateRunning(container, context, field)];
  for (const name of ["lifecycle", ...PROBES] as const) {
    if (container[name] !== undefined) {
      const detail = "may not be set for init containers without restartPolicy=Always";
      errors.push(forbidden(`${field}.${name}`, detail));
    }
  }
  return errors;
}

function validateEphemeral(
  container: EphemeralContainer,
  spec: PodSpec,
  context: PodContext,
  field: string,
): FieldError[] {
  const errors = validateContainer(container, context, field);
  const refuse = (name: string): void =>
    void errors.push(forbidden(`${field}.${name}`, "cannot be set for an Ephemeral Container"));
  for (const name of NOT_EPHEMERAL) {
    const value = container[name];
    if (value !== undefined && Object.keys(value).length > 0) refuse(name);
  }
  for (const [index, { subPath, subPathExpr }] of (container.volumeMounts ?? []).entries()) {
    if (!isBlank(subPath)) refuse(`volumeMounts[${index}].subPath`);
    if (!isBlank(subPathExpr)) refuse(`volumeMounts[${index}].subPathExpr`);
  }
  const target = container.targetContainerName;
  const names = [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map(
    ({ name }) => name,
  );
  if (!isBlank(target) && !names.includes(target)) {
    errors.push(notFound(`${field}.targetContainerName`, target));
  }
  return errors;
}

/** What only containers that keep running may have. */
function validateRunning(container: Container, context: PodContext, field: string): FieldError[] {
  const errors = PROBES.flatMap((role) => {
    const probe = container[role];
    return probe === undefined ? [] : validateProbe(probe, role, `${field}.${role}`);
  });
  if (container.lifecycle !== undefined) {
    const path = `${field}.lifecycle`;
    errors.push(...validateLifecycle(container.lifecycle, context.graceSeconds, path));
  }
  return errors;
}

function validateContainer(container: Container, context: PodContext, field: string): FieldError[] {
  const errors = [
    ...requiredName(`${field}.name`, container.name, dns1123Label),
    ...validateImage(container.image, `${field}.image`),
    ...validatePorts(container.ports ?? [], context, `${field}.ports`),
    ...validateEnv(container.env ?? [], `${field}.env`),
    ...validateEnvFrom(container.envFrom ?? [], `${field}.envFrom`),
    ...validateVolumeMounts(container, context.volumes, field),
  ];
  if (container.resources !== undefined) {
    errors.push(...validateResources(container.resources, `${field}.resources`));
  }
  if (container.securityContext !== undefined) {
    const path = `${field}.securityContext`;
    errors.push(...validateSecurityContext(container.securityContext, path));
  }
  return errors;
}

function validateImage(image: string | undefined, field: string): FieldError[] {
  if (isBlank(image)) return [required(field)];
  return image === image.trim()
    ? []
    : [invalid(field, image, "must not have leading or trailing whitespace")];
}

function validatePorts(
  ports: readonly ContainerPort[],
  context: PodContext,
  field: string,
): FieldError[] {
  const errors = ports.flatMap((port, index) => {
    const path = `${field}[${index}]`;
    return [
      ...(isBlank(port.name) ? [] : named(`${path}.name`, port.name, portName)),
      ...validateContainerPort(port, context, path),
    ];
  });
  return [
    ...errors,
    ...duplicates(
      ports,
      (port) => port.name,
      (index, name) => duplicate(`${field}[${index}].name`, name),
    ),
  ];
}

function validateContainerPort(
  port: ContainerPort,
  context: PodContext,
  field: string,
): FieldError[] {
  const { containerPort, hostIP } = port;
  const hostPort = port.hostPort ?? 0;
  if (containerPort === undefined || containerPort === 0) {
    return [required(`${field}.containerPort`)];
  }
  const errors = portNumber(containerPort).map((detail) =>
    invalid(`${field}.containerPort`, containerPort, detail),
  );
  if (hostPort !== 0) {
    const problems = portNumber(hostPort);
    errors.push(...problems.map((detail) => invalid(`${field}.hostPort`, hostPort, detail)));
  }
  const isFixed = context.isPod || hostPort !== 0;
  if (context.hostNetwork && isFixed && hostPort !== containerPort) {
    const detail = "must match `containerPort` when `hostNetwork` is true";
    errors.push(invalid(`${field}.hostPort`, hostPort, detail));
  }
  if (!isBlank(hostIP) && ipFamily(hostIP) === undefined) {
    errors.push(invalid(`${field}.hostIP`, hostIP, "must be a valid IP address"));
  }
  return errors;
}

function validateHostPortsUnique(containers: readonly Container[], field: string): FieldError[] {
  const ports = containers.flatMap((container, at) =>
    (container.ports ?? []).map((port, index) => ({
      port,
      path: `${field}[${at}].ports[${index}]`,
    })),
  );
  return duplicates(
    ports,
    ({ port }) =>
      (port.hostPort ?? 0) === 0
        ? undefined
        : `${port.protocol ?? "TCP"}/${port.hostIP ?? ""}/${port.hostPort}`,
    (index, key) => duplicate(`${ports[index]?.path ?? field}.hostPort`, key),
  );
}
