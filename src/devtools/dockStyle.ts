import { type CSSResult, css } from 'lit'

/** The panel at the foot of the page, and the colours of everything in it. */
export const dockStyle: CSSResult = css`
  :host {
    --paper: #f6f9fa;
    --card: #ffffff;
    --ink: #10242e;
    --quiet: #526570;
    --line: #d8e1e5;
    --hover: #eaf1f3;
    --sea: #0b6b74;
    --sea-soft: #d3eaec;
    --mark: #b4371f;
    --good: #17714f;
    --careful: #8a5a00;
    --bad: #b3261e;
    --font: system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif;
    --mono: ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace;
    color-scheme: light dark;
    position: fixed;
    z-index: 2147483000;
    right: 0;
    bottom: 0;
    left: 0;
    pointer-events: none;
  }
  @media (prefers-color-scheme: dark) {
    :host {
      --paper: #0b1519;
      --card: #122027;
      --ink: #e3edf0;
      --quiet: #97abb5;
      --line: #24363f;
      --hover: #16262d;
      --sea: #56c2c6;
      --sea-soft: #17393f;
      --mark: #ff9d80;
      --good: #54c79a;
      --careful: #e0b04a;
      --bad: #ff8a80;
    }
  }
  .launch {
    position: absolute;
    right: max(10px, env(safe-area-inset-right));
    bottom: calc(10px + env(safe-area-inset-bottom));
    padding: 4px 10px;
    border-radius: 99px;
    pointer-events: auto;
    box-shadow: 0 1px 6px rgb(0 0 0 / 20%);
  }
  .dock {
    position: relative;
    display: flex;
    flex-direction: column;
    max-height: 100dvh;
    border-top: 1px solid var(--line);
    background: var(--paper);
    box-shadow: 0 -4px 24px rgb(0 0 0 / 14%);
    pointer-events: auto;
    padding-bottom: env(safe-area-inset-bottom);
  }
  .grip {
    position: absolute;
    z-index: 1;
    top: -4px;
    right: 0;
    left: 0;
    height: 8px;
    cursor: ns-resize;
    touch-action: none;
  }
  header {
    display: flex;
    align-items: center;
    gap: 12px;
    padding: 0 12px;
    border-bottom: 1px solid var(--line);
    background: var(--card);
  }
  .name {
    margin: 0;
    font: inherit;
    font-weight: 700;
    white-space: nowrap;
  }
  .tabs {
    display: flex;
    flex: 1;
    min-width: 0;
    overflow-x: auto;
    scrollbar-width: none;
  }
  .tabs button {
    flex: none;
    min-height: 34px;
    padding: 0 10px;
    border: 0;
    border-radius: 0;
    background: none;
    color: var(--quiet);
    outline-offset: -3px;
  }
  .tabs button[aria-selected='true'] {
    color: var(--ink);
    font-weight: 600;
    box-shadow: inset 0 -2px var(--sea);
  }
  .dot::before {
    display: inline-block;
    width: 8px;
    height: 8px;
    margin-right: 6px;
    border-radius: 50%;
    background: currentColor;
    content: '';
  }
  footer {
    display: flex;
    gap: 12px;
    justify-content: space-between;
    padding: 3px 12px;
    border-top: 1px solid var(--line);
    background: var(--card);
  }
  @media (max-width: 640px) {
    .name {
      position: absolute;
      overflow: hidden;
      width: 1px;
      height: 1px;
      clip-path: inset(50%);
    }
    header {
      gap: 4px;
      padding: 0 6px;
    }
    .tabs button {
      min-height: 40px;
    }
    footer {
      flex-direction: column;
      gap: 0;
    }
  }
`
