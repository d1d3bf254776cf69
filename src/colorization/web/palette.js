// Offers colours for the hint that waits for one: `select` with the colour that is chosen.
function swatches(place, colors, title) {
  const made = colors.map((color) => {
    const swatch = document.createElement("button");
    swatch.type = "button";
    swatch.style.background = color;
    swatch.title = color;
    swatch.setAttribute("aria-label", `${title} ${color}`);
    swatch.addEventListener("click", () => {
      trigger("select", { color });
      document.querySelector("#canvas .stage").focus({ preventScroll: true }); // for the next place
    });
    return swatch;
  });
  element.querySelector(place).replaceChildren(...made);
}

function show(value) {
  element.querySelector(".say").textContent = value.say;
  swatches(".likely", value.likely, "likely:");
  swatches(".all", value.all, "colour");
}

watch("value", () => show(props.value));
show(props.value);
