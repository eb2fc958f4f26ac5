// The drawing pad: mouse, finger, pen or keys draw white ink on black.

const inkSide = 112; // of the sent drawing: four times MNIST's

/**
 * Sets up the pad; changed(since, finished) is called while there is drawing, began() before the first ink. A pad that isn't drawable only
 * shows pictures.
 */
export function newPad(canvas, brush, { drawable, changed, began }) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const small = document.createElement("canvas");
  small.width = small.height = inkSide;
  const smallContext = small.getContext("2d", { willReadFrequently: true });
  const pen = { x: canvas.width / 2, y: canvas.height / 2, down: false, foreign: false, marked: false };
  const keys = { drawing: false };
  let kept = null; // the pixels under the keyboard pen's mark

  function clear() {
    kept = null;
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    pen.foreign = false;
  }

  function line(x, y) {
    context.strokeStyle = "#fff";
    context.lineWidth = Number(brush.value);
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(pen.x, pen.y);
    context.lineTo(x, y);
    context.stroke();
    pen.x = x;
    pen.y = y;
  }

  function begin() {
    unmark();
    if (pen.foreign) clear(); // the first stroke clears a picture
    began();
  }

  function place(event) {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width * canvas.width, (event.clientY - box.top) / box.height * canvas.height];
  }

  function listen() {
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      begin();
      canvas.setPointerCapture(event.pointerId);
      [pen.x, pen.y] = place(event);
      pen.down = true;
      line(pen.x, pen.y);
      changed(event.timeStamp, false);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!pen.down) return;
      for (const e of event.getCoalescedEvents?.() ?? [event]) line(...place(e));
      changed(event.timeStamp, false);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => {
        if (!pen.down) return;
        pen.down = false;
        changed(event.timeStamp, true);
      });
    }

    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    canvas.addEventListener("keydown", (event) => {
      const step = steps[event.key];
      if (event.key === " ") {
        event.preventDefault();
        keys.drawing = !keys.drawing;
        if (keys.drawing) {
          begin();
          line(pen.x, pen.y);
        }
        changed(event.timeStamp, !keys.drawing);
        mark();
      } else if (step) {
        event.preventDefault();
        unmark();
        const to = step.map((d, i) => Math.min(canvas.width - 20, Math.max(20, (i ? pen.y : pen.x) + 20 * d)));
        if (keys.drawing) line(...to);
        [pen.x, pen.y] = to;
        if (keys.drawing) changed(event.timeStamp, false);
        mark();
      }
    });
    canvas.addEventListener("blur", () => {
      keys.drawing = false;
      unmark();
    });
  }

  // Marks the keyboard pen's position: filled while it draws.
  function mark() {
    unmark();
    kept = { image: context.getImageData(pen.x - 16, pen.y - 16, 32, 32), x: pen.x - 16, y: pen.y - 16 };
    context.beginPath();
    context.arc(pen.x, pen.y, 11, 0, 7);
    context.lineWidth = 4;
    context.strokeStyle = context.fillStyle = "#ff7433";
    if (keys.drawing) context.fill();
    context.stroke();
  }

  function unmark() {
    if (kept) context.putImageData(kept.image, kept.x, kept.y);
    kept = null;
  }

  /** The ink as bytes, a square, row by row. */
  function ink() {
    const marked = kept !== null;
    unmark();
    smallContext.drawImage(canvas, 0, 0, inkSide, inkSide);
    if (marked) mark();
    const { data } = smallContext.getImageData(0, 0, inkSide, inkSide);
    return Uint8Array.from({ length: inkSide * inkSide }, (_, i) => data[4 * i]);
  }

  /** Shows a picture instead of ink; the next stroke clears it. */
  function show(bitmap) {
    clear();
    pen.foreign = true;
    const scale = Math.min(canvas.width / bitmap.width, canvas.height / bitmap.height);
    const w = bitmap.width * scale, h = bitmap.height * scale;
    context.imageSmoothingEnabled = true;
    context.drawImage(bitmap, (canvas.width - w) / 2, (canvas.height - h) / 2, w, h);
  }

  clear();
  if (drawable) {
    listen();
  } else {
    canvas.removeAttribute("tabindex");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "The picture");
    canvas.removeAttribute("aria-describedby");
  }
  return { clear, ink, show };
}
