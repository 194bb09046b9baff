/** `kubectl get rolebindings`: what is bound, and with `-o wide` to whom. */
import type { RoleRef, Subject } from "kubernetes-types/rbac/v1";
import type { PrinterColumn } from "../kind.ts";
import { ageColumn, nameColumn, textColumn } from "../kinds/columns.ts";
import type { KubeObject } from "../object.ts";

type Bound = KubeObject & { roleRef?: RoleRef; subjects?: Subject[] };

const subjectsColumn = (
  name: string,
  kind: string,
  show: (subject: Subject) => string,
): PrinterColumn<Bound> =>
  textColumn(
    name,
    `Subjects of the kind ${kind}.`,
    ({ subjects = [] }: Bound) =>
      subjects
        .filter((subject) => subject.kind === kind)
        .map(show)
        .join(", "),
    1,
  );

export const bindingColumns: readonly PrinterColumn<Bound>[] = [
  nameColumn,
  textColumn("Role", "The role that is bound.", ({ roleRef }: Bound) =>
    roleRef === undefined ? "" : `${roleRef.kind}/${roleRef.name}`,
  ),
  ageColumn,
  subjectsColumn("Users", "User", ({ name }) => name),
  subjectsColumn("Groups", "Group", ({ name }) => name),
  subjectsColumn(
    "ServiceAccounts",
    "ServiceAccount",
    ({ name, namespace = "" }) => `${namespace}/${name}`,
  ),
];
