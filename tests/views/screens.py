"""Screens that pages are opened on, and what is measured there."""

SIZES = {"phone": {"width": 390, "height": 844}, "wide": {"width": 1600, "height": 1000}}

# The contrast of colours as WCAG 2.2 defines it, of every text with what is behind it.
CONTRASTS = """() => {
    const numbers = colour => colour.match(/[0-9.]+/g).map(Number);
    const luminance = colour => numbers(colour).slice(0, 3).map(each => each / 255).map(
        each => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4
    ).reduce((sum, each, index) => sum + each * [0.2126, 0.7152, 0.0722][index], 0);
    const ground = element => {
        for (; element; element = element.parentElement) {
            const colour = getComputedStyle(element).backgroundColor;
            if ((numbers(colour)[3] ?? 1) > 0) return colour;
        }
    };
    const contrast = (a, b) => {
        const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
        return (high + 0.05) / (low + 0.05);
    };
    const texts = [...document.querySelectorAll("body *")].filter(element => !element.closest(".hidden") &&
        [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.textContent.trim()));
    const marks = [...document.querySelectorAll(".swatch, .bar")];
    return {
        ground: getComputedStyle(document.body).backgroundColor,
        texts: texts.map(element => {
            const style = getComputedStyle(element);
            return [contrast(element.closest("svg") ? style.fill : style.color, ground(element)), element.textContent];
        }),
        marks: marks.map(element => contrast(getComputedStyle(element).backgroundColor, ground(element.parentElement))),
    };
}"""
