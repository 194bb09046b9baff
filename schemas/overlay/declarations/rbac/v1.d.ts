export interface RoleRef {
    apiGroup?: string;
}
