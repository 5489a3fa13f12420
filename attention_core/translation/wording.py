"""What the tab *Translate* says in Chinese."""

from attention_core.wording import Tables

WORDING: Tables = {
    "zh": {
        "Translate": "翻译",
        "Error": "出错了",
        "Text": "原文",
        "Type: the translation follows": "输入文字，译文随之出现",
        "Into": "译成",
        "More": "更多",
        "Beam width": "束宽",
        "Examples": "示例",
        "Translation": "译文",
        "How sure it is of each word": "对每个词的置信度",
        "Underlined is what the model doubts; below 50 % with its probability.": (
            "划线的是模型没有把握的词；低于 50 % 的标出概率。"
        ),
        "Where the model looked for each word": "写每个词时模型看向哪里",
        "As a heat map": "热力图",
        "Heat map": "热力图",
        "translation": "译文",
        "score": "分数",
        "Alternatives, with the mean log-probability of a token": (
            "其他译法，及每个词元的平均对数概率"
        ),
        "Confidence {}": "置信度 {}",
        "⚠️ **Confidence {}: the model is out of its depth.**": (
            "⚠️ **置信度 {}：超出了模型的能力。**"
        ),
        "With and without attention": "有注意力与没有注意力",
        "Compare": "比较",
        "With attention": "有注意力",
        "Without attention": "没有注意力",
        "Two small models into German, trained alike on captions, of which one has no attention: "
        "its decoder sees the whole sentence as one vector of fixed size, and loses its way as "
        "sentences grow longer (Bahdanau et al. 2014, figure 2).": (
            "两个译成德文的小模型，用同样的图片描述、同样的方法训练，只是其中一个没有注意力：它的解码器"
            "只看到整句话的一个固定大小的向量，句子一长就会迷失（Bahdanau 等 2014，图 2）。"
        ),
        "Point at a word, or choose it, to see its arcs alone.": "指向或选中一个词，只看它的弧线。",
        "All words": "所有词",
        "looked at for": "写以下词时看了它：",
        "which looked at": "看向",
        "nothing": "无",
        "Alignment": "对齐",
        "the text is empty: type a sentence": "文字是空的：请输入一个句子",
        "the text has {} characters and at most {} go in one piece here": (
            "文字有 {} 个字符，这里一次最多 {} 个"
        ),
        "the text holds the control character {} at position {}: remove it": (
            "文字中有控制字符 {}（第 {} 个字符）：请删除"
        ),
        "the text is not UTF-8 at position {}: save it as UTF-8": (
            "文字在第 {} 个字符处不是 UTF-8：请存为 UTF-8"
        ),
    }
}
