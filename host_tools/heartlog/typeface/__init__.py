"""Text of any script on paper: names and notes as people write them, never as empty boxes.

    faces.markup("王小明 & Ελένη", "Helvetica")        # for a reportlab Paragraph, escaped
    faces.width(name, "Heart", 8)                      # points
    picture.families(name)                             # for matplotlib
    told.unprinted()                                   # what no font has, told once: "王小"

Letters that the page's own font lacks are taken from DejaVu Sans (it comes with matplotlib: Latin,
Greek, Cyrillic, Arabic, Hebrew, Armenian, Georgian, Vietnamese), then from a font of this computer
(`search`), of which only the letters needed go into the file. Arabic letters are joined and
right-to-left words are turned round here (`letters`), since reportlab draws one letter after the
other as they come; those of Indic scripts stay unjoined. What no font has is printed as its
number, [U+738B], and told.
"""
