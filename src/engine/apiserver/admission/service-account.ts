/** A pod runs as a service account of its namespace. */
import type { Pod } from "../../../kube/kinds/pod.ts";
import { serviceAccounts } from "../../../kube/kinds/serviceaccount.ts";
import type { Store } from "../../store/store.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { forbidden } from "./forbidden.ts";

/** Every namespace gets it from the service account controller, perhaps just after its first pod. */
const DEFAULT_SERVICE_ACCOUNT = "default";

/** The account named by default is taken on trust; any other must exist. */
export function serviceAccount(store: Store): AdmissionPlugin {
  return {
    name: "ServiceAccount",
    validate: (object, { operation, target, subresource }) => {
      const { kind, namespace = "", name } = target;
      const isPod = kind.kind.group === "" && kind.kind.plural === "pods";
      if (operation !== "CREATE" || !isPod || subresource !== undefined) return;
      const account = (object as Pod | undefined)?.spec?.serviceAccountName ?? "";
      if (account === "" || account === DEFAULT_SERVICE_ACCOUNT) return;
      const { group, plural } = serviceAccounts;
      if (store.get({ group, plural, namespace, name: account }) !== undefined) return;
      throw forbidden(
        kind.kind,
        name,
        `error looking up service account ${namespace}/${account}: serviceaccount "${account}" not found`,
      );
    },
  };
}
