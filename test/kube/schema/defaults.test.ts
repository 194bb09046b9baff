import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { deepFreeze } from "../../../src/kube/object.ts";
import { applyDefaults } from "../../../src/kube/schema/defaults.ts";
import type { Schema } from "../../../src/kube/schema/schema.ts";
import { validate } from "../../../src/kube/schema/validate.ts";
import { builtin } from "./builtin.ts";

describe("defaults of built-in kinds", () => {
  test("of a pod are those upstream sets", () => {
    const pod = {
      metadata: { name: "web" },
      spec: {
        containers: [
          {
            name: "web",
            ports: [{ containerPort: 80 }],
            readinessProbe: { httpGet: { port: 80 } },
            env: [{ name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } }],
          },
        ],
        volumes: [{ name: "config", configMap: { name: "config" } }],
      },
    };
    expect(applyDefaults(builtin("v1", "Pod"), pod).spec).toEqual({
      containers: [
        {
          name: "web",
          ports: [{ containerPort: 80, protocol: "TCP" }],
          readinessProbe: {
            httpGet: { port: 80, path: "/", scheme: "HTTP" },
            failureThreshold: 3,
            periodSeconds: 10,
            successThreshold: 1,
            timeoutSeconds: 1,
          },
          env: [
            {
              name: "IP",
              valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "status.podIP" } },
            },
          ],
          resources: {},
          terminationMessagePath: "/dev/termination-log",
          terminationMessagePolicy: "File",
        },
      ],
      dnsPolicy: "ClusterFirst",
      restartPolicy: "Always",
      schedulerName: "default-scheduler",
      securityContext: {},
      terminationGracePeriodSeconds: 30,
      volumes: [{ name: "config", configMap: { name: "config", defaultMode: 420 } }],
    });
  });

  test("of a deployment reach into a strategy that is absent", () => {
    const deployment = { metadata: { name: "web" }, spec: { selector: {}, template: {} } };
    expect(applyDefaults(builtin("apps/v1", "Deployment"), deployment).spec).toEqual({
      selector: {},
      template: {},
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      strategy: {
        type: "RollingUpdate",
        rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" },
      },
    });
  });

  test("replace what is empty in Go's eyes", () => {
    const pod = {
      spec: {
        schedulerName: "",
        restartPolicy: "",
        containers: [{ livenessProbe: { periodSeconds: 0 } }],
      },
    };
    expect(applyDefaults(builtin("v1", "Pod"), pod)).toMatchObject({
      spec: {
        schedulerName: "default-scheduler",
        restartPolicy: "Always",
        containers: [{ livenessProbe: { periodSeconds: 10 } }],
      },
    });
  });

  test("leave a Recreate strategy without rolling update settings", () => {
    const deployment = { spec: { strategy: { type: "Recreate" } } };
    expect(applyDefaults(builtin("apps/v1", "Deployment"), deployment).spec.strategy).toEqual({
      type: "Recreate",
    });
  });

  test.each<[string, string, object, object]>([
    [
      "v1",
      "Service",
      { spec: { ports: [{ port: 80 }] } },
      { type: "ClusterIP", sessionAffinity: "None", ports: [{ port: 80, protocol: "TCP" }] },
    ],
    [
      "batch/v1",
      "CronJob",
      { spec: { schedule: "@daily" } },
      {
        schedule: "@daily",
        concurrencyPolicy: "Allow",
        suspend: false,
        successfulJobsHistoryLimit: 3,
        failedJobsHistoryLimit: 1,
      },
    ],
    [
      "apps/v1",
      "StatefulSet",
      { spec: {} },
      {
        replicas: 1,
        revisionHistoryLimit: 10,
        podManagementPolicy: "OrderedReady",
        updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0 } },
        persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
      },
    ],
    [
      "apps/v1",
      "DaemonSet",
      { spec: {} },
      {
        revisionHistoryLimit: 10,
        updateStrategy: {
          type: "RollingUpdate",
          rollingUpdate: { maxSurge: 0, maxUnavailable: 1 },
        },
      },
    ],
    ["v1", "PersistentVolumeClaim", { spec: {} }, { volumeMode: "Filesystem" }],
    ["autoscaling/v2", "HorizontalPodAutoscaler", { spec: {} }, { minReplicas: 1 }],
  ])("of %s %s", (apiVersion, kind, object, spec) => {
    expect(applyDefaults(builtin(apiVersion, kind), object)).toMatchObject({ spec });
  });

  test("are valid values of their own fields", () => {
    const pod = { metadata: { name: "a" }, spec: { containers: [{ name: "a" }] } };
    const template = { spec: pod.spec, metadata: {} };
    const selector = { matchLabels: { a: "b" } };
    const samples: [string, string, object][] = [
      ["v1", "Pod", pod],
      ["apps/v1", "Deployment", { spec: { selector, template } }],
      ["apps/v1", "StatefulSet", { spec: { selector, template } }],
      ["apps/v1", "DaemonSet", { spec: { selector, template } }],
      ["batch/v1", "Job", { spec: { template } }],
      ["v1", "Service", { spec: {} }],
      ["v1", "PersistentVolume", { spec: {} }],
      ["storage.k8s.io/v1", "CSIDriver", { spec: {} }],
    ];
    for (const [apiVersion, kind, object] of samples) {
      const schema = builtin(apiVersion, kind);
      expect({ kind, errors: validate(schema, applyDefaults(schema, object)) }).toEqual({
        kind,
        errors: [],
      });
    }
  });
});

describe("applying defaults", () => {
  const schema: Schema = {
    type: "object",
    properties: {
      size: { type: "integer", default: 1 },
      inner: {
        type: "object",
        default: {},
        properties: { on: { type: "boolean", default: true } },
      },
      absent: { type: "object", properties: { deep: { type: "string", default: "x" } } },
      list: {
        type: "array",
        items: { type: "object", properties: { n: { type: "integer", default: 7 } } },
      },
      map: {
        type: "object",
        additionalProperties: {
          type: "object",
          properties: { n: { type: "integer", default: 8 } },
        },
      },
      optional: { type: "string", nullable: true, default: "y" },
    },
  };

  test("fills what is absent where the parent is present", () => {
    const value = { list: [{}, { n: 1 }], map: { a: {} }, size: null, optional: null };
    expect(applyDefaults(schema, value)).toEqual({
      size: 1,
      inner: { on: true },
      list: [{ n: 7 }, { n: 1 }],
      map: { a: { n: 8 } },
      optional: null,
    });
  });

  test("shares what it does not change and never changes its input", () => {
    const list = [{ n: 1 }];
    const value = deepFreeze({ list, absent: {} });
    const filled = applyDefaults(schema, value);
    expect(filled.list).toBe(list);
    expect(filled.absent).toEqual({ deep: "x" });
    expect(value.absent).toEqual({});
  });

  test("twice is the same as once, and the second time nothing is copied", () => {
    const values = fc.record(
      {
        size: fc.integer(),
        inner: fc.record({ on: fc.boolean() }, { requiredKeys: [] }),
        absent: fc.record({ deep: fc.string() }, { requiredKeys: [] }),
        list: fc.array(fc.record({ n: fc.integer() }, { requiredKeys: [] })),
        map: fc.dictionary(fc.string(), fc.record({ n: fc.integer() }, { requiredKeys: [] })),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(values, (value) => {
        const once = applyDefaults(schema, value);
        expect(applyDefaults(schema, once)).toBe(once);
        expect(once).toMatchObject(value);
        expect(validate(schema, once)).toEqual([]);
      }),
    );
  });
});
