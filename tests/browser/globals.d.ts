// What scripts without modules put on the window.
interface Window {
  LightweightCharts: any;
}
