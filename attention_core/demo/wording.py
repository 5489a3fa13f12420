"""What the page and the tab *Learn* say in Chinese."""

from attention_core.wording import Tables

WORDING: Tables = {
    "zh": {
        "# Attention\nWhat a recurrent decoder says, and where it looks.": (
            "# 注意力\n循环解码器说了什么，又看向了哪里。"
        ),
        "Learn": "学习",
        "Error": "出错了",
        "This tab can't be shown: {}": "无法显示此标签页：{}",
        "One word at a time: scores, softmax, context, output.": (
            "一次一个词：打分、softmax、上下文、输出。"
        ),
        "Model": "模型",
        "A tiny model, trained with each scorer": "极小的模型，每种打分函数各训练一个",
        "The translator that ships": "自带的翻译模型",
        "English sentence": "英文句子",
        "The tiny model knows: cat, dog, mouse, bird; chase, see, love.": (
            "极小的模型认识：cat、dog、mouse、bird；chase、see、love。"
        ),
        "Into": "译成",
        "Scorer": "打分函数",
        "Follow it": "逐步查看",
        "Step": "步骤",
        "◀ Back": "◀ 上一步",
        "Next ▶": "下一步 ▶",
        "source word": "源词",
        "word": "词",
        "Scores": "打分",
        "Softmax": "Softmax",
        "Context": "上下文",
        "Output": "输出",
        "How well each source word answers the query": "每个源词与查询的匹配程度",
        "Where the decoder looks": "解码器看向哪里",
        "The likeliest words": "最可能的词",
        "The weights of this scorer were trained.": "这个打分函数的权重是训练出来的。",
        "This scorer was not trained here: it takes the trained matrices of the model's own.": (
            "这个打分函数没有在这里训练过：它借用模型自己的打分函数训练好的矩阵。"
        ),
        "The model writes {}.": "模型写下：{}",
        "The likeliest here is {}. The model with its own scorer wrote {}.": (
            "这里最可能的是 {}。模型用自己的打分函数写的是 {}。"
        ),
        "the tiny model doesn't know {}. Did you mean {}? Known: {}.": (
            "极小的模型不认识 {}。是否想输入 {}？认识的词：{}。"
        ),
        "the tiny model doesn't know {}. Known: {}.": "极小的模型不认识 {}。认识的词：{}。",
        'the tiny model takes "noun verb noun", such as "cat chase mouse"': (
            "极小的模型只接受“名词 动词 名词”，例如“cat chase mouse”"
        ),
        "the sentence is too long: at most {} characters are followed here": (
            "句子太长：这里最多 {} 个字符"
        ),
        "one sentence is followed here: leave out the others": "这里只演示一句：请删去其余的句子",
        "the text is empty: type a sentence": "文字是空的：请输入一个句子",
        "the text holds the control character {} at position {}: remove it": (
            "文字中有控制字符 {}（第 {} 个字符）：请删除"
        ),
        "the translator has no attention: there are no scores to show": (
            "这个翻译模型没有注意力：没有分数可看"
        ),
    }
}
