/** What objects say about each other. */
import { describe, expect, test } from "vitest";
import { checkManifests } from "../../../src/gitops/check/check-manifests.ts";
import type { Finding } from "../../../src/gitops/check/finding.ts";
import { manifestsOf, readManifestFile } from "../../../src/gitops/render/manifest-file.ts";

function check(...documents: string[]): Finding[] {
  const file = readManifestFile(Buffer.from(documents.join("---\n")));
  expect(file.findings).toEqual([]);
  return checkManifests(manifestsOf(file, "app.yaml"));
}

/** Rule, path and advice of every finding. */
function summary(...documents: string[]): (string | undefined)[][] {
  return check(...documents).map(({ rule, path, suggestion }) => [rule, path, suggestion]);
}

function deployment(podSpec = "", name = "web"): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}, tier: front}}
    spec:
${podSpec}      containers:
        - name: main
          image: app:v1
          ports: [{name: http, containerPort: 8080}]
`;
}

function service(spec: string): string {
  return `apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: ${spec}\n`;
}

describe("services", () => {
  test("that lead to pods and ports are fine", () => {
    for (const port of [
      "{port: 80, targetPort: http}",
      "{port: 80, targetPort: 8080}",
      "{port: 8080}",
    ])
      expect(check(deployment(), service(`{selector: {app: web}, ports: [${port}]}`))).toEqual([]);
    expect(
      check(deployment(), service("{selector: {app: web, tier: front}, ports: [{port: 8080}]}")),
    ).toEqual([]);
  });

  test("that select no pods are warned of, with what the namesake has", () => {
    const [finding] = check(deployment(), service("{selector: {app: wbe}, ports: [{port: 80}]}"));
    expect(finding).toMatchObject({
      severity: "warning",
      rule: "references/no-pods",
      path: "spec.selector",
      line: 17,
      suggestion: "The pods of Deployment web have app=web, tier=front",
    });
  });

  test("pods of another namespace do not count", () => {
    const elsewhere = deployment().replace("{name: web}", "{name: web, namespace: other}");
    expect(
      summary(elsewhere, service("{selector: {app: web}, ports: [{port: 8080}]}"))[0]?.[0],
    ).toBe("references/no-pods");
    const both = service("{selector: {app: web}, ports: [{port: 8080}]}").replace(
      "{name: web}",
      "{name: web, namespace: other}",
    );
    expect(check(elsewhere, both)).toEqual([]);
  });

  test("ports that no container has are warned of", () => {
    const named = service("{selector: {app: web}, ports: [{port: 80, targetPort: htpp}]}");
    expect(summary(deployment(), named)).toEqual([
      ["references/target-port", "spec.ports[0].targetPort", 'Did you mean "http"?'],
    ]);
    const numbered = service("{selector: {app: web}, ports: [{port: 80, targetPort: 8081}]}");
    expect(summary(deployment(), numbered)).toEqual([
      ["references/target-port", "spec.ports[0].targetPort", "They have 8080"],
    ]);
    const silent = deployment().replace(/ +ports.*\n/, "");
    expect(check(silent, numbered)).toEqual([]);
  });

  test("without selector, external, or alone say nothing", () => {
    expect(check(deployment(), service("{ports: [{port: 80}]}"))).toEqual([]);
    expect(
      check(deployment(), service("{type: ExternalName, externalName: a.b, selector: {x: z}}")),
    ).toEqual([]);
    expect(check(service("{selector: {app: web}, ports: [{port: 80}]}"))).toEqual([]);
  });
});

describe("configuration", () => {
  const config =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {mode: fast}\nbinaryData: {logo: AAAA}\n";
  const secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData: {token: x}\n";

  test("a ConfigMap that is not there is a warning, a Secret only a note", () => {
    const pod =
      "      volumes:\n        - {name: a, configMap: {name: settings}}\n        - {name: b, secret: {secretName: keys}}\n";
    expect(
      check(deployment(pod)).map(({ severity, rule, path }) => [severity, rule, path]),
    ).toEqual([
      ["warning", "references/no-configmap", "spec.template.spec.volumes[0].configMap.name"],
      ["info", "references/no-secret", "spec.template.spec.volumes[1].secret.secretName"],
    ]);
    expect(check(deployment(pod), config, secret)).toEqual([]);
    expect(
      check(deployment(pod.replace("name: settings", "name: settings, optional: true")), secret),
    ).toEqual([]);
  });

  test("keys must be in them, in volumes, environment and projections", () => {
    const pod = `      volumes:
        - name: a
          configMap: {name: settings, items: [{key: mode, path: m}, {key: logo, path: l}, {key: mdoe, path: x}]}
        - name: b
          projected: {sources: [{secret: {name: keys, items: [{key: tokn, path: t}]}}]}
      initContainers:
        - name: init
          image: x
          env:
            - {name: A, valueFrom: {configMapKeyRef: {name: settings, key: mode}}}
            - {name: B, valueFrom: {secretKeyRef: {name: keys, key: other}}}
            - {name: C, valueFrom: {secretKeyRef: {name: keys, key: other, optional: true}}}
          envFrom: [{configMapRef: {name: settings}}, {secretRef: {name: keys}}]
`;
    expect(summary(deployment(pod), config, secret)).toEqual([
      [
        "references/no-key",
        "spec.template.spec.volumes[0].configMap.items[2].key",
        'Did you mean "mode"?',
      ],
      [
        "references/no-key",
        "spec.template.spec.volumes[1].projected.sources[0].secret.items[0].key",
        'Did you mean "token"?',
      ],
      [
        "references/no-key",
        "spec.template.spec.initContainers[0].env[1].valueFrom.secretKeyRef.key",
        "Add the key, or correct it",
      ],
    ]);
  });

  test("the cluster's own certificate is always there", () => {
    const pod = "      volumes: [{name: a, configMap: {name: kube-root-ca.crt}}]\n";
    expect(check(deployment(pod))).toEqual([]);
  });

  test("service accounts and claims", () => {
    const pod =
      "      serviceAccountName: robot\n      volumes: [{name: d, persistentVolumeClaim: {claimName: disk}}]\n";
    expect(summary(deployment(pod)).map(([rule]) => rule)).toEqual([
      "references/no-serviceaccount",
      "references/no-claim",
    ]);
    const account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: robot}\n";
    const claim =
      "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: disk}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n";
    expect(check(deployment(pod), account, claim)).toEqual([]);
  });
});

describe("ingresses", () => {
  const ingress = (backend: string): string => `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  rules:
    - http: {paths: [{path: /, pathType: Prefix, backend: {service: ${backend}}}]}
`;
  const web = service("{selector: {app: web}, ports: [{name: http, port: 80, targetPort: http}]}");

  test("lead to services and ports that are there", () => {
    expect(check(deployment(), web, ingress("{name: web, port: {number: 80}}"))).toEqual([]);
    expect(check(deployment(), web, ingress("{name: web, port: {name: http}}"))).toEqual([]);
  });

  test("are warned of where they do not", () => {
    const path = "spec.rules[0].http.paths[0].backend.service";
    expect(summary(ingress("{name: wbe, port: {number: 80}}"))).toEqual([
      ["references/no-service", `${path}.name`, "Add the Service, or correct the name"],
    ]);
    expect(summary(deployment(), web, ingress("{name: web, port: {number: 81}}"))).toEqual([
      ["references/service-port", `${path}.port.number`, "It has http 80"],
    ]);
    expect(summary(deployment(), web, ingress("{name: web, port: {name: htp}}"))).toEqual([
      ["references/service-port", `${path}.port.name`, "Did you mean http?"],
    ]);
  });
});

test("autoscalers, budgets, bindings and stateful sets name what is there", () => {
  const documents = [
    deployment(),
    "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: wbe}}\n",
    "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b}\nspec: {minAvailable: 1, selector: {matchLabels: {app: x}}}\n",
    "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: c}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}\nsubjects: [{kind: ServiceAccount, name: robot, namespace: default}]\n",
    "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: d}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}\nsubjects: []\n",
  ];
  expect(summary(...documents).map(([rule, path]) => [rule, path])).toEqual([
    ["references/no-deployment", "spec.scaleTargetRef.name"],
    ["references/no-pods", "spec.selector"],
    ["references/no-role", "roleRef.name"],
    ["references/no-serviceaccount", "subjects[0].name"],
  ]);
});

test("objects of any shape are looked at without harm", () => {
  const odd = ["12", "text", "[1, 2]", "{a: [null, 1]}", "null"];
  for (const value of odd)
    for (const kind of [
      "v1 Service",
      "networking.k8s.io/v1 Ingress",
      "apps/v1 Deployment",
      "policy/v1 PodDisruptionBudget",
      "rbac.authorization.k8s.io/v1 RoleBinding",
      "apps/v1 StatefulSet",
    ]) {
      const [apiVersion, name] = kind.split(" ");
      const object = `apiVersion: ${apiVersion}\nkind: ${name}\nmetadata: {name: x}\nspec: ${value}\nroleRef: ${value}\nsubjects: ${value}\n`;
      expect(() => check(object, deployment())).not.toThrow();
      expect(() =>
        check(
          object.replace(
            /spec: .*/,
            `spec: {template: {spec: ${value}}, rules: ${value}, selector: ${value}, ports: ${value}}`,
          ),
        ),
      ).not.toThrow();
    }
});
