// The report's style sheet. Series are Okabe and Ito's colour-blind-safe set, darkened on white to be seen as lines.

export const style = `
:root { color-scheme: light dark; --paper: #ffffff; --panel: #f5f6f7; --line: #d5d9dd; --text: #1d2125; --text-2: #555d66;
  --good: #0b7a4b; --bad: #b3261e;
  --c1: #0072b2; --c2: #c05600; --c3: #00805c; --c4: #a8518a; --c5: #8a6d00; --c6: #2a7fb0; --c7: #5b5bd6; --c8: #1d2125; }
@media (prefers-color-scheme: dark) { :root { --paper: #1e1f22; --panel: #27292d; --line: #3c4046; --text: #e6e8ea;
  --text-2: #a8b0b8; --good: #5fcf9c; --bad: #ff8a80;
  --c1: #56b4e9; --c2: #f0a30a; --c3: #35c497; --c4: #dd94bd; --c5: #f0e442; --c6: #7fc4ea; --c7: #a5a5f5; --c8: #e6e8ea; } }
@media print { :root { --paper: #ffffff; --panel: #ffffff; --line: #c8cdd2; --text: #000000; --text-2: #444444;
  --good: #0b7a4b; --bad: #b3261e;
  --c1: #0072b2; --c2: #c05600; --c3: #00805c; --c4: #a8518a; --c5: #8a6d00; --c6: #2a7fb0; --c7: #5b5bd6; --c8: #1d2125; }
  section, figure, tr { break-inside: avoid } details:not([open]) { display: none } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 900px; padding: 24px 20px 48px; background: var(--paper); color: var(--text);
  font: 14px/1.45 system-ui, 'Segoe UI', 'Noto Sans', 'Noto Sans CJK SC', sans-serif; font-variant-numeric: tabular-nums }
h1 { font-size: 22px; margin: 0 0 4px } h2 { font-size: 16px; margin: 28px 0 8px } h3 { font-size: 13px; margin: 0; display: inline }
p { margin: 4px 0 } .muted, th, .key { color: var(--text-2) } .good { color: var(--good) } .bad { color: var(--bad) }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 12px }
.figure { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 10px 12px }
.figure strong { display: block; font-size: 24px; line-height: 1.3 } .figure small { color: var(--text-2); display: block }
table { border-collapse: collapse; width: 100%; margin: 4px 0 } th, td { padding: 3px 8px; border-bottom: 1px solid var(--line);
  text-align: left; vertical-align: top } th { font-weight: 500; font-size: 12.5px } .n { text-align: right; white-space: nowrap }
tbody th { font-size: 14px; color: var(--text); font-weight: 400; white-space: nowrap }
code, pre, .mono { font-family: ui-monospace, 'Cascadia Mono', 'DejaVu Sans Mono', monospace; font-size: 12.5px; overflow-wrap: anywhere }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 8px 10px; white-space: pre-wrap }
figure { margin: 14px 0 } figcaption { display: flex; flex-wrap: wrap; gap: 4px 14px; align-items: baseline }
svg { width: 100%; height: auto; display: block } .key { font-size: 12.5px; white-space: nowrap }
.key i { display: inline-block; width: 14px; border-top: 2px solid; vertical-align: 4px; margin-right: 5px }
.key i.level, svg .level { border-top-style: dashed; stroke-dasharray: 6 4; stroke: var(--text-2); color: var(--text-2) }
.grid line { stroke: var(--line) } .ticks text { font-size: 11px; fill: var(--text-2) }
.line { fill: none; stroke: currentColor; stroke-width: 1.6 } .line.faint { stroke-width: 1; opacity: 0.45 } .dots { fill: currentColor }
${[1, 2, 3, 4, 5, 6, 7, 8].map((index) => `.color-${index} { color: var(--c${index}) }`).join(' ')}
details { margin: 6px 0 } summary { cursor: pointer; color: var(--text-2) } .notes { white-space: pre-wrap }
`
