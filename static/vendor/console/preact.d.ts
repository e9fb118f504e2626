// What the console uses of Preact, its hooks, signals and htm, for the type checker. The module itself is shortened.

/** A piece of a page. */
export interface VNode { type: unknown; props: Record<string, any> | null; key: any }
export type Child = VNode | string | number | boolean | null | undefined | Child[];

export class Component<P = any, S = any> {
  constructor(props?: P);
  props: P;
  state: S;
  setState(change: Partial<S>): void;
  forceUpdate(): void;
  shouldComponentUpdate?(next: P, nextState: S): boolean;
  componentDidMount?(): void;
  componentDidUpdate?(before: P, stateBefore: S): void;
  componentWillUnmount?(): void;
  render(props: P, state: S): Child;
  [own: string]: any;
}

export const Fragment: (props: any) => VNode;
export function html(strings: TemplateStringsArray, ...values: unknown[]): any;
export function render(what: Child, into: Element): void;
export function createContext<T>(otherwise: T): { Provider: (props: any) => VNode };

export type SetState<S> = (next: S | ((before: S) => S)) => void;
export function useState<S = any>(first?: S | (() => S)): [S, SetState<S>];
export function useReducer<S, A>(reduce: (state: S, action: A) => S, first: S): [S, (action: A) => void];
export function useEffect(run: () => unknown, deps?: readonly unknown[]): void;
export function useLayoutEffect(run: () => unknown, deps?: readonly unknown[]): void;
export function useRef<T = any>(first?: T): { current: T };
export function useMemo<T>(make: () => T, deps?: readonly unknown[]): T;
export function useCallback<F extends (...all: any[]) => any>(run: F, deps?: readonly unknown[]): F;
export function useContext<T>(context: { Provider: (props: any) => VNode }): T;
export function useId(): string;
export function useErrorBoundary(run?: (error: any) => void): [any, () => void];

export interface Signal<T = any> { value: T; peek(): T; subscribe(run: (value: T) => void): () => void }
export interface ReadonlySignal<T = any> { readonly value: T; peek(): T; subscribe(run: (value: T) => void): () => void }
export function signal<T = any>(value?: T): Signal<T>;
export function computed<T>(run: () => T): ReadonlySignal<T>;
export function effect(run: () => unknown): () => void;
export function batch<T>(run: () => T): T;
export function untracked<T>(run: () => T): T;
export function useSignal<T = any>(value?: T): Signal<T>;
export function useComputed<T>(run: () => T): ReadonlySignal<T>;
export function useSignalEffect(run: () => unknown): void;
