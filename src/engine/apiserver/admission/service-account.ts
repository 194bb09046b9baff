/**
 * A pod runs as a service account of its namespace: it gets the account's image pull secrets and a
 * volume with a token, as upstream's ServiceAccount plug-in does it.
 */
import type { Container, PodSpec, Volume, VolumeMount } from "kubernetes-types/core/v1";
import type { Pod } from "../../../kube/kinds/pod.ts";
import { type ServiceAccount, serviceAccounts } from "../../../kube/kinds/serviceaccount.ts";
import { generatedName } from "../../../kube/names.ts";
import { deepFreeze } from "../../../kube/object.ts";
import type { Store } from "../../store/store.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./admission.ts";
import { forbidden } from "./forbidden.ts";

/** Every namespace gets it from the service account controller, perhaps just after its first pod. */
const DEFAULT_SERVICE_ACCOUNT = "default";
/** Where every client library looks. */
const TOKEN_MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount";
const TOKEN_VOLUME_PREFIX = "kube-api-access-";
/** Pods that a node runs by itself have no account. */
const MIRROR_ANNOTATION = "kubernetes.io/config.mirror";
/** One hour, and upstream's seven seconds that tell such tokens from others. */
const TOKEN_SECONDS = 60 * 60 + 7;

/** One for all pods: objects are shared, so ten thousand pods keep it once. */
const PROJECTED: NonNullable<Volume["projected"]> = deepFreeze({
  defaultMode: 0o644,
  sources: [
    { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: "token" } },
    { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
    {
      downwardAPI: {
        items: [
          { path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } },
        ],
      },
    },
  ],
});

export interface ServiceAccountOptions {
  readonly store: Store;
  /** Yields [0, 1). */
  readonly random: () => number;
  /** Whether tokens can be had, so that pods get one. */
  readonly mountsTokens: boolean;
}

/** The account named by default is taken on trust; any other must exist. */
export function serviceAccount(options: ServiceAccountOptions): AdmissionPlugin {
  const { store } = options;
  return {
    name: "ServiceAccount",
    mutate: (object, request) => {
      const pod = object as Pod;
      return isNewPod(request) && !isMirror(pod) ? withAccount(pod, request, options) : object;
    },
    validate: (object, request) => {
      if (!isNewPod(request)) return;
      const { namespace = "" } = request.target;
      const name = (object as Pod | undefined)?.spec?.serviceAccountName ?? "";
      if (name === "" || name === DEFAULT_SERVICE_ACCOUNT) return;
      if (accountOf(store, namespace, name) === undefined) throw noAccount(request, name);
    },
  };
}

function isNewPod({ operation, subresource, target: { kind } }: AdmissionRequest): boolean {
  const isPod = kind.kind.group === "" && kind.kind.plural === "pods";
  return operation === "CREATE" && isPod && subresource === undefined;
}

const isMirror = ({ metadata }: Pod): boolean =>
  metadata.annotations?.[MIRROR_ANNOTATION] !== undefined;

function accountOf(store: Store, namespace: string, name: string): ServiceAccount | undefined {
  const { group, plural } = serviceAccounts;
  return store.get({ group, plural, namespace, name })?.object as ServiceAccount | undefined;
}

const noAccount = ({ target: { kind, namespace = "", name } }: AdmissionRequest, account: string) =>
  forbidden(
    kind.kind,
    name,
    `error looking up service account ${namespace}/${account}: serviceaccount "${account}" not found`,
  );

function withAccount(
  pod: Pod,
  { target: { namespace = "" } }: AdmissionRequest,
  { store, random, mountsTokens }: ServiceAccountOptions,
): Pod {
  const { spec } = pod;
  if (spec === undefined || !Array.isArray(spec.containers)) return pod;
  const account = accountOf(store, namespace, spec.serviceAccountName ?? DEFAULT_SERVICE_ACCOUNT);
  const pullSecrets = account?.imagePullSecrets ?? [];
  const takesSecrets = (spec.imagePullSecrets ?? []).length === 0 && pullSecrets.length > 0;
  const mounts =
    mountsTokens &&
    (spec.automountServiceAccountToken ?? account?.automountServiceAccountToken ?? true);
  if (!takesSecrets && !mounts) return pod;
  const pulling = takesSecrets ? { ...spec, imagePullSecrets: pullSecrets } : spec;
  return { ...pod, spec: mounts ? withToken(pulling, random) : pulling };
}

/** A container that mounts something of its own there keeps it. */
function withToken(spec: PodSpec, random: () => number): PodSpec {
  const { volumes = [] } = spec;
  const all = [...(spec.initContainers ?? []), ...spec.containers];
  if (all.every(mountsThere)) return spec;
  const existing = volumes.find(
    ({ name, projected }) => name.startsWith(TOKEN_VOLUME_PREFIX) && projected !== undefined,
  );
  const name = existing?.name ?? generatedName(TOKEN_VOLUME_PREFIX, random);
  const mount: VolumeMount = { mountPath: TOKEN_MOUNT_PATH, name, readOnly: true };
  const mounted = (container: Container): Container =>
    mountsThere(container)
      ? container
      : { ...container, volumeMounts: [...(container.volumeMounts ?? []), mount] };
  return {
    ...spec,
    containers: spec.containers.map(mounted),
    ...(spec.initContainers === undefined
      ? {}
      : { initContainers: spec.initContainers.map(mounted) }),
    ...(existing === undefined ? { volumes: [...volumes, { name, projected: PROJECTED }] } : {}),
  };
}

const mountsThere = ({ volumeMounts }: Container): boolean =>
  volumeMounts?.some(({ mountPath }) => mountPath === TOKEN_MOUNT_PATH) ?? false;
