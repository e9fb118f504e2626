// What the console uses of uPlot.

export default class uPlot {
  constructor(options: any, data: any, into: HTMLElement);
  setData(data: any): void;
  setSize(size: { width: number; height: number }): void;
  destroy(): void;
  [more: string]: any;
  static [more: string]: any;
}
