/**
 * The roles and bindings that every cluster has
 * (upstream: plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go), as far as what they name is
 * served here. `admin`, `edit` and `view` gather the roles that are labelled for them.
 */
import type { ClusterRole } from "../../../kube/kinds/clusterrole.ts";
import type { ClusterRoleBinding } from "../../../kube/kinds/clusterrolebinding.ts";
import type { PolicyRule } from "../../../kube/rbac/policy-rules.ts";
import { RBAC_GROUP } from "../../../kube/rbac/validate-rules.ts";
import { MASTERS_GROUP } from "../request-context.ts";

const READ = ["get", "list", "watch"];
const WRITE = ["create", "delete", "deletecollection", "patch", "update"];
const BOOTSTRAPPING = { "kubernetes.io/bootstrapping": "rbac-defaults" };
const AGGREGATE = "rbac.authorization.k8s.io/aggregate-to-";
/** Lets a newer Gantry bring them up to date; upstream's annotation. */
const AUTO_UPDATE = { "rbac.authorization.kubernetes.io/autoupdate": "true" };

const rule = (
  apiGroups: readonly string[],
  resources: readonly string[],
  verbs: readonly string[],
): PolicyRule => ({ apiGroups: [...apiGroups], resources: [...resources], verbs: [...verbs] });

const role = (
  name: string,
  rules: readonly PolicyRule[],
  labels: Readonly<Record<string, string>> = {},
): ClusterRole => ({
  apiVersion: `${RBAC_GROUP}/v1`,
  kind: "ClusterRole",
  metadata: { name, labels: { ...BOOTSTRAPPING, ...labels }, annotations: AUTO_UPDATE },
  rules: [...rules],
});

/** What users of a namespace work with; Secrets and roles apart. */
const WORKLOADS: readonly PolicyRule[] = [
  rule(
    [""],
    [
      "configmaps",
      "endpoints",
      "persistentvolumeclaims",
      "persistentvolumeclaims/status",
      "pods",
      "replicationcontrollers",
      "replicationcontrollers/scale",
      "serviceaccounts",
      "services",
      "services/status",
    ],
    [],
  ),
  rule(
    ["apps"],
    [
      "controllerrevisions",
      "daemonsets",
      "daemonsets/status",
      "deployments",
      "deployments/scale",
      "deployments/status",
      "replicasets",
      "replicasets/scale",
      "replicasets/status",
      "statefulsets",
      "statefulsets/scale",
      "statefulsets/status",
    ],
    [],
  ),
  rule(["autoscaling"], ["horizontalpodautoscalers", "horizontalpodautoscalers/status"], []),
  rule(["batch"], ["cronjobs", "cronjobs/status", "jobs", "jobs/status"], []),
  rule(["policy"], ["poddisruptionbudgets", "poddisruptionbudgets/status"], []),
  rule(["networking.k8s.io"], ["ingresses", "ingresses/status", "networkpolicies"], []),
  rule(["discovery.k8s.io"], ["endpointslices"], []),
  rule(["gateway.networking.k8s.io"], ["gateways", "httproutes", "grpcroutes"], []),
  rule(["snapshot.storage.k8s.io"], ["volumesnapshots"], []),
];
/** Only ever written by controllers. */
const READ_ONLY = /\/status$|^controllerrevisions$|^endpointslices$/;

const readable = WORKLOADS.map((each) => ({ ...each, verbs: READ }));
const writable = WORKLOADS.map((each) => ({
  ...each,
  resources: (each.resources ?? []).filter((resource) => !READ_ONLY.test(resource)),
  verbs: WRITE,
})).filter(({ resources }) => resources.length > 0);

const VIEW: readonly PolicyRule[] = [
  ...readable,
  rule(
    [""],
    [
      "bindings",
      "events",
      "limitranges",
      "namespaces",
      "pods/log",
      "pods/status",
      "resourcequotas",
    ],
    READ,
  ),
  rule(["events.k8s.io"], ["events"], READ),
  rule(["metrics.k8s.io"], ["pods"], READ),
];
const EDIT: readonly PolicyRule[] = [
  ...writable,
  rule([""], ["secrets"], [...READ, ...WRITE]),
  rule(
    [""],
    ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "services/proxy"],
    [...READ, ...WRITE],
  ),
  rule([""], ["pods/eviction"], ["create"]),
  rule([""], ["pods/ephemeralcontainers"], ["patch", "update"]),
  rule([""], ["serviceaccounts"], ["impersonate"]),
  rule([""], ["serviceaccounts/token"], ["create"]),
  rule(["coordination.k8s.io"], ["leases"], [...READ, ...WRITE]),
];
const ADMIN: readonly PolicyRule[] = [
  rule(["authorization.k8s.io"], ["localsubjectaccessreviews"], ["create"]),
  rule([RBAC_GROUP], ["rolebindings", "roles"], [...READ, ...WRITE]),
];

const gathering = (name: string, labels: Readonly<Record<string, string>> = {}): ClusterRole => ({
  ...role(name, [], labels),
  aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [`${AGGREGATE}${name}`]: "true" } }] },
});

/** Who checks tokens of service accounts may be a pod itself. */
const ISSUER_DISCOVERY = "system:service-account-issuer-discovery";
const DISCOVERY_PATHS = [
  "/api",
  "/api/*",
  "/apis",
  "/apis/*",
  "/healthz",
  "/livez",
  "/openapi",
  "/openapi/*",
  "/readyz",
  "/version",
  "/version/",
];

export const defaultClusterRoles: readonly ClusterRole[] = [
  role("cluster-admin", [rule(["*"], ["*"], ["*"]), { nonResourceURLs: ["*"], verbs: ["*"] }]),
  role("system:discovery", [{ nonResourceURLs: DISCOVERY_PATHS, verbs: ["get"] }]),
  role("system:basic-user", [
    rule(
      ["authorization.k8s.io"],
      ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
      ["create"],
    ),
    rule(["authentication.k8s.io"], ["selfsubjectreviews"], ["create"]),
  ]),
  role("system:auth-delegator", [
    rule(["authentication.k8s.io"], ["tokenreviews"], ["create"]),
    rule(["authorization.k8s.io"], ["subjectaccessreviews"], ["create"]),
  ]),
  role(ISSUER_DISCOVERY, [
    { nonResourceURLs: ["/.well-known/openid-configuration", "/openid/v1/jwks"], verbs: ["get"] },
  ]),
  gathering("admin"),
  gathering("edit", { [`${AGGREGATE}admin`]: "true" }),
  gathering("view", { [`${AGGREGATE}edit`]: "true" }),
  role("system:aggregate-to-admin", ADMIN, { [`${AGGREGATE}admin`]: "true" }),
  role("system:aggregate-to-edit", EDIT, { [`${AGGREGATE}edit`]: "true" }),
  role("system:aggregate-to-view", VIEW, { [`${AGGREGATE}view`]: "true" }),
];

const binding = (name: string, groups: readonly string[]): ClusterRoleBinding => ({
  apiVersion: `${RBAC_GROUP}/v1`,
  kind: "ClusterRoleBinding",
  metadata: { name, labels: BOOTSTRAPPING, annotations: AUTO_UPDATE },
  roleRef: { apiGroup: RBAC_GROUP, kind: "ClusterRole", name },
  subjects: groups.map((group) => ({ apiGroup: RBAC_GROUP, kind: "Group", name: group })),
});

export const defaultClusterRoleBindings: readonly ClusterRoleBinding[] = [
  binding("cluster-admin", [MASTERS_GROUP]),
  binding("system:discovery", ["system:authenticated"]),
  binding("system:basic-user", ["system:authenticated"]),
  binding(ISSUER_DISCOVERY, ["system:serviceaccounts"]),
];
