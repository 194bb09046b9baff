import type { Taint, Node as UpstreamNode } from "kubernetes-types/core/v1";
import { findCondition } from "../conditions.ts";
import type { FieldError } from "../field-error.ts";
import { ipFamily, isCIDR } from "../ip-address.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain, labelValue, qualifiedName } from "../names.ts";
import type { Live } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, NONE, nameColumn, textColumn, UNKNOWN } from "./columns.ts";
import {
  duplicate,
  duplicates,
  forbidden,
  invalid,
  isBlank,
  named,
  requiredName,
} from "./field-problems.ts";
import { rewrite, withDefaults } from "./rewrite.ts";

export type Node = Live<UpstreamNode>;

const ROLE_PREFIX = "node-role.kubernetes.io/";
const ROLE_LABEL = "kubernetes.io/role";
const WIDE = 1;

export const nodes: Kind<Node> = {
  group: "",
  version: "v1",
  kind: "Node",
  plural: "nodes",
  singular: "node",
  namespaced: false,
  shortNames: ["no"],
  subresources: { status: true },
  get schema() {
    return builtinSchema("v1", "Node");
  },
  columns: [
    nameColumn,
    textColumn("Status", "Whether the node is ready and takes new pods.", nodeStatus),
    textColumn("Roles", "Roles of the node, from its labels.", nodeRoles),
    ageColumn,
    textColumn("Version", "Version that the node agent reports.", (node) =>
      infoOf(node, "kubeletVersion", ""),
    ),
    textColumn(
      "Internal-IP",
      "Address in the cluster.",
      (node) => addressOf(node, "InternalIP"),
      WIDE,
    ),
    textColumn(
      "External-IP",
      "Address outside the cluster.",
      (node) => addressOf(node, "ExternalIP"),
      WIDE,
    ),
    textColumn("OS-Image", "Operating system.", (node) => infoOf(node, "osImage"), WIDE),
    textColumn("Kernel-Version", "Kernel.", (node) => infoOf(node, "kernelVersion"), WIDE),
    textColumn(
      "Container-Runtime",
      "Container runtime.",
      (node) => infoOf(node, "containerRuntimeVersion"),
      WIDE,
    ),
  ],
  selectableFields: {
    "spec.unschedulable": ({ spec }) => String(spec?.unschedulable ?? false),
  },
  strategy: {
    validateName: dns1123Subdomain,
    keepsStatusOnCreate: true,
    default: (node) =>
      rewrite(node, [
        [
          "status",
          (status) =>
            status.capacity === undefined
              ? status
              : withDefaults(status, { allocatable: status.capacity }),
        ],
      ]),
    validate: validateNode,
    validateUpdate: validateNodeUpdate,
  },
};

function nodeStatus({ spec, status }: Node): string {
  const ready = findCondition(status?.conditions, "Ready");
  const state = ready === undefined ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady";
  return spec?.unschedulable === true ? `${state},SchedulingDisabled` : state;
}

function nodeRoles({ metadata }: Node): string {
  const roles = new Set<string>();
  for (const [label, value] of Object.entries(metadata.labels ?? {})) {
    if (label.startsWith(ROLE_PREFIX) && label.length > ROLE_PREFIX.length) {
      roles.add(label.slice(ROLE_PREFIX.length));
    } else if (label === ROLE_LABEL && value !== "") roles.add(value);
  }
  return roles.size === 0 ? NONE : [...roles].toSorted().join(",");
}

function addressOf({ status }: Node, type: string): string {
  return status?.addresses?.find((address) => address.type === type)?.address ?? NONE;
}

function infoOf(
  { status }: Node,
  field: "kubeletVersion" | "osImage" | "kernelVersion" | "containerRuntimeVersion",
  unknown = UNKNOWN,
): string {
  return status?.nodeInfo?.[field] || unknown;
}

function validateNode({ spec }: Node): FieldError[] {
  const taints = spec?.taints ?? [];
  return [
    ...taints.flatMap((taint, index) => validateTaint(taint, `spec.taints[${index}]`)),
    ...duplicates(
      taints,
      ({ key, effect }) => `${key}:${effect}`,
      (index, key) => duplicate(`spec.taints[${index}]`, key),
    ),
    ...podCIDRProblems(spec?.podCIDR, spec?.podCIDRs ?? []),
    ...(spec?.podCIDRs ?? []).flatMap((range, index) =>
      isCIDR(range)
        ? []
        : [
            invalid(
              `spec.podCIDRs[${index}]`,
              range,
              "must be a valid CIDR block such as 10.0.0.0/8",
            ),
          ],
    ),
  ];
}

/** Two ranges are for two families; the first one is `podCIDR`. */
function podCIDRProblems(podCIDR: string | undefined, podCIDRs: readonly string[]): FieldError[] {
  const problems: FieldError[] = [];
  if (podCIDRs.length > 0 && !isBlank(podCIDR) && podCIDRs[0] !== podCIDR)
    problems.push(invalid("spec.podCIDRs[0]", podCIDRs[0], "must be equal to `podCIDR`"));
  const families = podCIDRs.map((range) => ipFamily(range.split("/")[0] ?? ""));
  if (podCIDRs.length > 2 || (podCIDRs.length === 2 && families[0] === families[1]))
    problems.push(
      invalid("spec.podCIDRs", podCIDRs, "may specify no more than one CIDR for each IP family"),
    );
  return problems;
}

function validateTaint(taint: Taint, field: string): FieldError[] {
  return [
    ...requiredName(`${field}.key`, taint.key, qualifiedName),
    ...named(`${field}.value`, taint.value ?? "", labelValue),
  ];
}

/** Set once, by whoever manages the network or the machine. */
function validateNodeUpdate(next: Node, previous: Node): FieldError[] {
  const changed = (["podCIDR", "providerID"] as const).filter((field) => {
    const before = previous.spec?.[field];
    return !isBlank(before) && next.spec?.[field] !== before;
  });
  return changed.map((field) =>
    forbidden(`spec.${field}`, 'node updates may not change it except from "" to a value'),
  );
}
