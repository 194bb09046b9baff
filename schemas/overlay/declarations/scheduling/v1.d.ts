export interface PriorityClass {
    value?: number;
}
