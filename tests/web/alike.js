() => {
  // Elements whose text has the colours, sizes and backgrounds of text that is earlier in the document: computed styles,
  // classes and states of the element, of all that it is in, and of all that is in it, are the same.
  const numbers = new Map(), seen = new Set(), found = [];
  const number = key => numbers.get(key) ?? (numbers.set(key, numbers.size), numbers.size - 1);
  const looks = new Map(), subtrees = new Map();
  const look = one => {
    const style = getComputedStyle(one);
    const text = [...one.childNodes].filter(node => node.nodeType === Node.TEXT_NODE).map(node => node.data.trim()).join('');
    return number([
      one.localName, one.getAttribute('class'), one.getAttribute('type'), style.color, style.backgroundColor,
      style.backgroundImage, style.fontSize, style.fontWeight, style.opacity, style.position, style.overflow,
      style.textShadow, style.filter, style.mixBlendMode, style.clipPath, one.checkVisibility(), Math.min(text.length, 2),
      one.matches(':disabled, [aria-disabled=true]'), one.matches(':checked'), one.matches(':focus, :hover, :target'),
    ].join('|'));
  };
  const within = one => {
    looks.set(one, look(one));
    subtrees.set(one, number(`in ${looks.get(one)}: ${[...one.children].map(within).join()}`));
    return subtrees.get(one);
  };
  const walk = (one, path) => {
    const here = number(`at ${path}: ${looks.get(one)}`), key = `${here}/${subtrees.get(one)}`;
    if (seen.has(key)) return void found.push(one);
    seen.add(key);
    [...one.children].forEach(child => walk(child, here));
  };
  within(document.body);
  walk(document.body, 0);
  return found;
}
