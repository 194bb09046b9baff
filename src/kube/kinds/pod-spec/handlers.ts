/** Rules for probes and lifecycle hooks: exactly one action each, and an action that can work. */
import type { HTTPGetAction, Lifecycle, LifecycleHandler, Probe } from "kubernetes-types/core/v1";
import type { FieldError } from "../../field-error.ts";
import { httpHeaderName, portName, portNumber } from "../../names.ts";
import {
  forbidden,
  invalid,
  named,
  nonNegative,
  positive,
  required,
  requiredText,
} from "../field-problems.ts";

type Action = Pick<Probe, "exec" | "httpGet" | "tcpSocket" | "grpc"> &
  Pick<LifecycleHandler, "sleep">;
const ACTIONS = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"] as const;

export type ProbeRole = "livenessProbe" | "readinessProbe" | "startupProbe";

export function validateProbe(probe: Probe, role: ProbeRole, field: string): FieldError[] {
  const errors = [
    ...validateAction(probe, field, undefined),
    ...nonNegative(`${field}.initialDelaySeconds`, probe.initialDelaySeconds),
    ...nonNegative(`${field}.timeoutSeconds`, probe.timeoutSeconds),
    ...nonNegative(`${field}.periodSeconds`, probe.periodSeconds),
    ...nonNegative(`${field}.successThreshold`, probe.successThreshold),
    ...nonNegative(`${field}.failureThreshold`, probe.failureThreshold),
  ];
  const { successThreshold, terminationGracePeriodSeconds: grace } = probe;
  if (role !== "readinessProbe") {
    if (successThreshold !== undefined && successThreshold !== 1) {
      errors.push(invalid(`${field}.successThreshold`, successThreshold, "must be 1"));
    }
    errors.push(...positive(`${field}.terminationGracePeriodSeconds`, grace));
  } else if (grace !== undefined) {
    const detail = "must not be set for readinessProbes";
    errors.push(invalid(`${field}.terminationGracePeriodSeconds`, grace, detail));
  }
  return errors;
}

/** `graceSeconds` is the pod's `terminationGracePeriodSeconds`, which a sleep must fit in. */
export function validateLifecycle(
  lifecycle: Lifecycle,
  graceSeconds: number,
  field: string,
): FieldError[] {
  return (["postStart", "preStop"] as const).flatMap((hook) => {
    const handler = lifecycle[hook];
    return handler === undefined ? [] : validateAction(handler, `${field}.${hook}`, graceSeconds);
  });
}

function validateAction(
  action: Action,
  field: string,
  graceSeconds: number | undefined,
): FieldError[] {
  const [first, ...others] = ACTIONS.filter((name) => action[name] !== undefined);
  if (first === undefined) return [required(field, "must specify a handler type")];
  const errors = others.map((name) =>
    forbidden(`${field}.${name}`, "may not specify more than 1 handler type"),
  );
  const path = `${field}.${first}`;
  if (first === "exec" && (action.exec?.command ?? []).length === 0) {
    errors.push(required(`${path}.command`));
  }
  if (action.httpGet !== undefined)
    errors.push(...validateHttpGet(action.httpGet, `${field}.httpGet`));
  if (action.tcpSocket !== undefined) {
    errors.push(...validatePort(action.tcpSocket.port, `${field}.tcpSocket.port`));
  }
  if (action.grpc !== undefined) {
    errors.push(...validatePort(action.grpc.port, `${field}.grpc.port`));
  }
  const seconds = action.sleep?.seconds;
  if (seconds !== undefined && graceSeconds !== undefined) {
    if (seconds < 0 || seconds > graceSeconds) {
      const detail = `must be non-negative and not more than terminationGracePeriodSeconds (${graceSeconds})`;
      errors.push(invalid(`${field}.sleep.seconds`, seconds, detail));
    }
  }
  return errors;
}

function validateHttpGet(get: HTTPGetAction, field: string): FieldError[] {
  const headers = get.httpHeaders ?? [];
  return [
    ...requiredText(`${field}.path`, get.path),
    ...validatePort(get.port, `${field}.port`),
    ...headers.flatMap((header, index) =>
      named(`${field}.httpHeaders[${index}].name`, header.name, httpHeaderName),
    ),
  ];
}

/** A number, or the name of one of the container's ports. */
export function validatePort(port: number | string, field: string): FieldError[] {
  const problems = typeof port === "number" ? portNumber(port) : portName(port);
  return problems.map((detail) => invalid(field, port, detail));
}
