/** Rules for Gateways that span several fields, as upstream's definition states them in CEL. */
import type { FieldError } from "../../field-error.ts";
import { duplicate, duplicates, forbidden, invalid, oneOf, required } from "../field-problems.ts";
import type { Gateway, Listener } from "./gateway-types.ts";

const WITHOUT_TLS = new Set(["HTTP", "TCP", "UDP"]);
const WITHOUT_HOST = new Set(["TCP", "UDP"]);

export function validateGateway({ spec }: Gateway): FieldError[] {
  const at = (index: number): string => `spec.listeners[${index}]`;
  return [
    ...spec.listeners.flatMap((listener, index) => validateListener(listener, at(index))),
    ...duplicates(
      spec.listeners,
      ({ port, protocol, hostname = "" }) => `${port}/${protocol}/${hostname}`,
      (index, key) => duplicate(at(index), key),
    ),
    ...(spec.addresses ?? []).flatMap(({ type }, index) =>
      oneOf(`spec.addresses[${index}].type`, type, ["IPAddress", "Hostname"]),
    ),
  ];
}

function validateListener({ protocol, tls, hostname }: Listener, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (WITHOUT_TLS.has(protocol) && tls !== undefined)
    errors.push(forbidden(`${field}.tls`, `must not be specified for protocol ${protocol}`));
  if (protocol === "HTTPS" && tls === undefined)
    errors.push(required(`${field}.tls`, "is required for protocol HTTPS"));
  if (protocol === "HTTPS" && tls?.mode === "Passthrough")
    errors.push(invalid(`${field}.tls.mode`, tls.mode, "must be Terminate for protocol HTTPS"));
  const hasSettings =
    (tls?.certificateRefs ?? []).length > 0 || Object.keys(tls?.options ?? {}).length > 0;
  if (tls !== undefined && tls.mode !== "Passthrough" && !hasSettings)
    errors.push(
      required(`${field}.tls.certificateRefs`, "certificateRefs or options must be specified"),
    );
  if (WITHOUT_HOST.has(protocol) && hostname !== undefined)
    errors.push(forbidden(`${field}.hostname`, `must not be specified for protocol ${protocol}`));
  return errors;
}
