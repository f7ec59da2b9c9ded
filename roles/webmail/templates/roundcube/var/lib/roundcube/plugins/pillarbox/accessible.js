/**
 * Names and roles for keyboards and screen readers (WCAG 2.2, 1.3.1 and 4.1.2), which Elastic lacks in these places.
 */
(() => {
    const label = (name) => rcmail.get_label(name);
    const words = (element) => element?.textContent.trim() ?? '';
    // Of those that never have a text.
    const icons = { 'toolbar-list-button': 'moreactions', 'toolbar-menu-button': 'moreactions', reset: 'delete' };
    const rules = {
        // The items of these bars are links, not commands of a menu.
        '.toolbar > li[role=menuitem]': (item) => item.removeAttribute('role'),
        'table[role=listbox] > :is(thead, tbody):not([role])': (rows) => { rows.role = 'presentation'; },
        'span[aria-label]:not([role])': (icon) => { icon.role = 'img'; },
        'iframe:not([title])': (frame) => { frame.title = document.title; },
        'input[aria-expanded]:not([role])': (field) => field.removeAttribute('aria-expanded'),
        // Where the screen has no room for its text, a link is only an icon.
        'a[href]:not([aria-label])': (link) => {
            const icon = Object.keys(icons).find((name) => link.classList.contains(name));
            if (!link.innerText.trim() && (words(link) || icon)) {
                link.ariaLabel = words(link) || label(icons[icon]);
            }
        },
        'a.disabled:not([aria-disabled=true])': (link) => { link.ariaDisabled = 'true'; },
        'a[aria-disabled=true]:not(.disabled)': (link) => { link.ariaDisabled = 'false'; },
        '#composebody:not([aria-label])': (field) => { field.ariaLabel = label('body'); },
        ':is(input, select, textarea):not([type=hidden], [aria-label])': (field) => {
            const row = field.closest('.row, tr, fieldset');
            const name = words(row?.querySelector('label, td.title, legend'));
            if (name && ![...field.labels].some((shown) => shown.offsetParent)) {
                field.ariaLabel = name;
            }
        },
    };
    const mend = () => Object.entries(rules).forEach(([selector, rule]) => {
        document.querySelectorAll(selector).forEach(rule);
    });
    let waiting = 0;
    const soon = () => { waiting ||= setTimeout(() => { waiting = 0; mend(); }, 100); };

    document.addEventListener('DOMContentLoaded', () => {
        document.querySelector('meta[name=viewport]').content = 'width=device-width, initial-scale=1';
        mend();
        const attributeFilter = ['aria-expanded', 'class'];
        new MutationObserver(soon).observe(document.body, { attributeFilter, childList: true, subtree: true });
    });
})();
