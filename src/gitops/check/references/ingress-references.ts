/** An Ingress leads to Services, and to ports that they have. */
import type { Manifest } from "../../render/manifest.ts";
import { at } from "../field-finding.ts";
import type { Finding } from "../finding.ts";
import { nearestName } from "../nearest-name.ts";
import type { ObjectIndex } from "./object-index.ts";
import { fieldAt, itemsAt, mapAt, textAt } from "./read-field.ts";

export function checkIngress(manifest: Manifest, index: ObjectIndex): Finding[] {
  const { object } = manifest;
  const backends: [string, unknown][] = [
    ["spec.defaultBackend", mapAt(object, "spec.defaultBackend")],
  ];
  for (const [rule, value] of itemsAt(object, "spec.rules"))
    for (const [path, entry] of itemsAt(value, "http.paths"))
      backends.push([`spec.rules[${rule}].http.paths[${path}].backend`, mapAt(entry, "backend")]);
  return backends.flatMap(([path, backend]) => {
    const finding = checkBackend(manifest, `${path}.service`, mapAt(backend, "service"), index);
    return finding === undefined ? [] : [finding];
  });
}

function checkBackend(
  manifest: Manifest,
  path: string,
  backend: unknown,
  index: ObjectIndex,
): Finding | undefined {
  const name = textAt(backend, "name");
  if (name === undefined) return undefined;
  const services = index.find("/Service", index.namespaceOf(manifest.object), name);
  if (services.length === 0)
    return at(manifest, `${path}.name`, "value", {
      severity: "warning",
      rule: "references/no-service",
      message: `${path}.name: there is no Service ${name} in the input`,
      suggestion: "Add the Service, or correct the name",
    });
  const ports = services.flatMap(({ object }) =>
    itemsAt(object, "spec.ports").map(([, port]) => port),
  );
  const wantedName = textAt(backend, "port.name");
  const wantedNumber = fieldAt(backend, "port.number");
  const field = `${path}.port.${wantedName === undefined ? "number" : "name"}`;
  const found =
    wantedName === undefined
      ? wantedNumber === undefined || ports.some((port) => fieldAt(port, "port") === wantedNumber)
      : ports.some((port) => textAt(port, "name") === wantedName);
  if (found) return undefined;
  const names = ports.map((port) => textAt(port, "name") ?? "");
  const near = wantedName === undefined ? undefined : nearestName(wantedName, names);
  const shown = ports.map((port) =>
    [textAt(port, "name"), fieldAt(port, "port")].filter(Boolean).join(" "),
  );
  return at(manifest, field, "value", {
    severity: "warning",
    rule: "references/service-port",
    message: `${field}: Service ${name} has no port ${String(wantedName ?? wantedNumber)}`,
    suggestion: near === undefined ? `It has ${shown.join(", ")}` : `Did you mean ${near}?`,
  });
}
