// The slider through the snapshots of the training, and the button that plays them.

const playMilliseconds = 900;

/** Sets up the slider; change(index) is called for each step. */
export function newSlider(snapshots, { slider, moment, play, first, last, section }, change) {
  const end = snapshots.length - 1;
  slider.max = end;
  first.textContent = snapshots[0];
  last.textContent = end > 0 ? snapshots[end] : "";
  section.classList.toggle("single", end === 0);
  let timer;

  function go(index) {
    slider.value = index;
    slider.setAttribute("aria-valuetext", snapshots[index]);
    moment.textContent = snapshots[index];
    change(index);
  }

  function stop() {
    clearInterval(timer);
    timer = undefined;
    play.textContent = "play";
    play.setAttribute("aria-label", "Play the training");
  }

  slider.addEventListener("input", () => {
    stop();
    go(Number(slider.value));
  });
  play.addEventListener("click", () => {
    if (timer) {
      stop();
      return;
    }
    play.textContent = "stop";
    play.setAttribute("aria-label", "Stop playing");
    let at = Number(slider.value) === end ? 0 : Number(slider.value);
    go(at);
    timer = setInterval(() => {
      if (at >= end) stop();
      else go(++at);
    }, playMilliseconds);
  });
  return { go };
}
